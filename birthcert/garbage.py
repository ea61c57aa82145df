"""How often Python looks for objects that hold each other and nothing else."""

import gc
from typing import Final

_OBJECTS: Final = 10_000


def collect_rarely() -> None:
    """Have this process look each time ten thousand objects are new, not seven hundred.

    A batch has some ten thousand rows and certificates at hand, none of which hold each other: to
    go through them again and again is a twentieth of its time.
    """
    gc.set_threshold(_OBJECTS, *gc.get_threshold()[1:])
