"""The internals of moto that the sandbox stands on, named so that a test can say which moved."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Seam:
    """One internal of moto: where it should be, and whether it is there."""

    name: str
    present: bool


def seam(owner: object, path: str) -> Seam:
    """The seam at a dotted path below a module or class of moto."""
    found: object = owner
    for part in path.split("."):
        found = getattr(found, part, None)
    return Seam(f"{getattr(owner, '__name__', owner)}.{path}", found is not None)


def check(seams: list[Seam]) -> None:
    """RuntimeError that names what moved, if anything did."""
    if moved := [each.name for each in seams if not each.present]:
        raise RuntimeError(f"moto has changed: {', '.join(moved)} moved; pin the release again")
