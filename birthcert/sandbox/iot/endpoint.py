"""DescribeEndpoint: where devices connect [31]."""

from typing import Final

from birthcert.sandbox.iot.answers import invalid_request
from birthcert.sandbox.iot.place import Action, Params, Place, optional_text

DATA_ATS: Final = "iot:Data-ATS"
DEFAULT_TYPE: Final = "iot:Data"
# names that resolve nowhere: what stands behind them at AWS, the sandbox does not have
NOT_SERVED: Final = {
    "iot:Data": "iot",
    "iot:CredentialProvider": "credentials.iot",
    "iot:Jobs": "jobs.iot",
}


class Endpoints:
    """The endpoints of one place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.actions: dict[str, Action] = {"DescribeEndpoint": self.describe}

    def describe(self, params: Params) -> Params:
        """The sandbox's device endpoint for iot:Data-ATS; a name under .invalid for the others."""
        kind = optional_text(params, "endpointType") or DEFAULT_TYPE
        place = self._place
        if kind == DATA_ATS:
            host, _port = place.state.device_endpoint(place.account, place.region)
            return {"endpointAddress": host}
        if kind not in NOT_SERVED:
            raise invalid_request(f"Endpoint type {kind} is not supported")
        address = f"{place.state.instance}.{NOT_SERVED[kind]}.{place.region}.sandbox.invalid"
        return {"endpointAddress": address}
