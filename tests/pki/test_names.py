"""Subjects and device names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from birthcert import limits
from birthcert.models import Subject
from birthcert.pki.names import SUBJECT_FIELDS, common_names, device_name_problem, x509_name


def test_a_subject_becomes_a_name_from_the_country_down() -> None:
    """All fields are there, in the usual order."""
    subject = Subject(
        common_name="pump-1",
        organization="ACME",
        organizational_unit="Pumps",
        country="DE",
        state="Bavaria",
        locality="Munich",
        serial_number="17",
        distinguished_name_qualifier="q",
    )
    text = x509_name(subject).rfc4514_string()
    assert text == "2.5.4.46=q,2.5.4.5=17,CN=pump-1,OU=Pumps,O=ACME,L=Munich,ST=Bavaria,C=DE"


def test_empty_fields_are_left_out() -> None:
    """A subject without fields is an empty name."""
    assert list(x509_name(Subject())) == []
    assert common_names(x509_name(Subject(common_name="a"))) == ["a"]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("pump-1", id="plain"),
        pytest.param("a:b_C-9", id="every kind of character"),
        pytest.param("x" * 64, id="longest"),
    ],
)
def test_a_good_device_name_has_no_problem(name: str) -> None:
    """A name that fits CommonName and thing name is taken."""
    assert device_name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        pytest.param("", "has no name", id="empty"),
        pytest.param("x" * 65, "has 65 characters", id="too long"),
        pytest.param("pump 1", "cannot be a thing's", id="space"),
        pytest.param("pump/1", "cannot be a thing's", id="slash"),
        pytest.param("pümp", "cannot be a thing's", id="umlaut"),
        pytest.param("pump\n", "cannot be a thing's", id="newline at the end"),
        pytest.param("../up", "cannot be a thing's", id="path"),
    ],
)
def test_a_bad_device_name_is_told(name: str, problem: str) -> None:
    """The sentence says what is wrong with the name."""
    assert problem in (device_name_problem(name) or "")


@given(st.text(max_size=80))
def test_a_name_is_good_exactly_when_aws_takes_it(name: str) -> None:
    """No problem means: CommonName of at most 64 and a thing name."""
    good = len(name) <= limits.COMMON_NAME_MAX_LENGTH and bool(
        re.fullmatch(limits.THING_NAME_PATTERN, name)
    )
    assert (device_name_problem(name) is None) == good


def test_the_fields_of_a_subject_are_the_models() -> None:
    """What a helper knows of a subject without pydantic is what the model has."""
    assert set(SUBJECT_FIELDS) == set(Subject.model_fields)
