"""moto's internals that the IoT and IAM parts stand on are where they were."""

import pytest

from birthcert.sandbox.environment import prepare_moto

prepare_moto()

from birthcert.sandbox import (  # noqa: E402 - after moto's environment
    moto_iam,
    moto_seams,
    moto_service_quotas,
    moto_sts,
)
from birthcert.sandbox.iot import moto as moto_iot  # noqa: E402
from birthcert.sandbox.moto_seams import Seam  # noqa: E402


@pytest.mark.parametrize(
    "seam",
    [
        *moto_iot.seams(),
        *moto_iam.seams(),
        *moto_sts.seams(),
        *moto_service_quotas.seams(),
    ],
    ids=lambda seam: seam.name,
)
def test_seam_of_moto_exists(seam):
    """Each internal of moto that is replaced or relied on exists in the pinned release."""
    assert seam.present, f"moto moved {seam.name}: look at who names it in birthcert/sandbox"


def test_moved_seam_is_named():
    """Installing over another moto stops with the name of what moved."""
    seams = [Seam("moto.iot.models.IoTBackend", True), Seam("moto.iot.gone", False)]
    with pytest.raises(RuntimeError, match=r"moto\.iot\.gone moved"):
        moto_seams.check(seams)
    moto_seams.check(seams[:1])
