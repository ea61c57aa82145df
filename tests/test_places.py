"""Which further places a bootstrap can have, known before anything is made."""

from typing import Any

import pytest
from pydantic import ValidationError

from birthcert.errors import ConfigurationError
from birthcert.models import (
    BootstrapRequest,
    CheckedPlace,
    CheckedPlaces,
    Place,
    place_requests,
)
from birthcert.preflight import check_places

HOME = Place(partition="aws", account="111111111111", region="eu-west-1")


def request(*places: dict[str, Any], **facts: Any) -> BootstrapRequest:
    """A request with these further places."""
    return BootstrapRequest.model_validate({"tenant": "acme", "further_places": places, **facts})


def checked(request: BootstrapRequest, *accounts: str) -> CheckedPlaces:
    """The request's places, reached in these accounts; an empty one was not reached."""
    places = [
        CheckedPlace(
            request=each,
            place=HOME.model_copy(update={"account": account, "region": each.region})
            if account
            else None,
            problem="" if account else "no credentials",
        )
        for each, account in zip(place_requests(request), accounts, strict=True)
    ]
    return CheckedPlaces(home=HOME, places=places)


def test_a_place_has_the_runs_own_credentials_unless_it_names_a_block() -> None:
    """Account and block of the run go with its credentials, and the CA is reached by them."""
    first, second = place_requests(
        request(
            {"region": "us-east-1"},
            {"region": "us-east-1", "account_block": "other"},
            account=HOME.account,
            account_block="home",
        )
    )
    assert (first.account, first.account_block) == (HOME.account, "home")
    assert (second.account, second.account_block) == (None, "other")
    assert first.authority_block() == second.authority_block() == "home"
    assert first.further_places == second.further_places == []


@pytest.mark.parametrize(
    ("region", "account", "mode", "expected"),
    [
        pytest.param("eu-west-1", HOME.account, "SNI_ONLY", "named twice", id="the run's own"),
        pytest.param(
            "eu-west-1", "222222222222", "DEFAULT", r"in DEFAULT mode \[21\]", id="two accounts"
        ),
    ],
)
def test_places_that_exclude_each_other_are_refused(
    region: str, account: str, mode: str, expected: str
) -> None:
    """One account a region in DEFAULT mode, and no place twice."""
    asked = request({"region": region}, registration_mode=mode)
    with pytest.raises(ConfigurationError, match=expected):
        check_places(asked, checked(asked, account))


@pytest.mark.parametrize(
    ("region", "account", "mode"),
    [
        pytest.param("eu-west-1", "222222222222", "SNI_ONLY", id="accounts of a region, SNI_ONLY"),
        pytest.param("us-east-1", HOME.account, "DEFAULT", id="regions of an account"),
        pytest.param("us-east-1", "222222222222", "DEFAULT", id="another account, elsewhere"),
        pytest.param("us-east-1", "", "DEFAULT", id="out of reach"),
    ],
)
def test_places_that_go_together(region: str, account: str, mode: str) -> None:
    """One that cannot be reached is no reason to stop: its report says so."""
    asked = request({"region": region}, registration_mode=mode)
    check_places(asked, checked(asked, account))


def test_a_role_is_made_for_the_regions_of_its_account() -> None:
    """Those of other accounts are not in its trust."""
    asked = request({"region": "us-east-1"}, {"region": "us-west-2"}, registration_mode="SNI_ONLY")
    places = checked(asked, HOME.account, "222222222222")
    assert places.regions_of(HOME) == ["eu-west-1", "us-east-1"]
    assert places.regions_of(places.places[1].place) == ["us-west-2"]


def test_a_region_that_is_none_is_refused() -> None:
    """The form and the command line say so before a run starts."""
    with pytest.raises(ValidationError, match="further_places"):
        request({"region": "moon"})
