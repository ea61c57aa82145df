"""What makes a step the same step for a later run, and which failures Prefect tries again."""

from types import SimpleNamespace
from typing import Any

import pytest

from birthcert.errors import AwsCallFailed, AwsUnreachable, ConfigurationError, ResourceConflict
from birthcert.models import BootstrapRequest, CertificateAuthority, Place
from tasks.authority import create_certificate_authority
from tasks.caller import check_caller
from tasks.registration import get_registration_code, issue_verification_certificate
from tasks.steps import step, step_key, worth_a_new_try

PLACE = Place(partition="aws", account="111122223333", region="eu-west-1")
REQUEST = BootstrapRequest(tenant="acme")
AUTHORITY = CertificateAuthority(
    arn="arn:aws:acm-pca:eu-west-1:111122223333:certificate-authority/1",
    status="ACTIVE",
    key_algorithm="RSA_2048",
    signing_algorithm="SHA256WITHRSA",
)


def key_of(name: str = "a_step", **changes: Any) -> str:
    """The key of a step with usual inputs but for the changes."""
    context: Any = SimpleNamespace(task=SimpleNamespace(name=name))
    return step_key(context, {"request": REQUEST, "place": PLACE, "authority": AUTHORITY} | changes)


def changed(model: Any, **changes: Any) -> Any:
    """A copy of a model with other values."""
    return model.model_copy(update=changes)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"name": "another_step"}, id="step"),
        pytest.param({"place": changed(PLACE, account="444455556666")}, id="account"),
        pytest.param({"place": changed(PLACE, region="us-east-1")}, id="region"),
        pytest.param({"place": changed(PLACE, partition="aws-cn")}, id="partition"),
        pytest.param({"place": changed(PLACE, sandbox="ab12cd34")}, id="a sandbox, not AWS"),
        pytest.param({"request": changed(REQUEST, tenant="globex")}, id="tenant"),
        pytest.param({"request": changed(REQUEST, tags={"OWNER": "ajk"})}, id="request"),
        pytest.param({"authority": changed(AUTHORITY, arn="arn:other")}, id="another step's fact"),
    ],
)
def test_what_identifies_a_step_changes_its_key(changes: dict[str, Any]) -> None:
    """Place, tenant, step and inputs: a result is never taken for another's."""
    assert key_of(**changes) != key_of()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"request": changed(REQUEST, refresh=True)}, id="refresh"),
        pytest.param({"authority": changed(AUTHORITY, outcome="found")}, id="how it came about"),
    ],
)
def test_what_does_not_identify_a_step_leaves_its_key(changes: dict[str, Any]) -> None:
    """A run that asks for a refresh writes what the next run reads."""
    assert key_of(**changes) == key_of()


def test_the_key_says_whose_it_is() -> None:
    """A person who looks into the results folder finds a tenant's steps."""
    assert key_of().startswith("birthcert/v1/aws-111122223333-eu-west-1/acme/a_step/")


def test_the_key_is_independent_of_the_source() -> None:
    """Two functions of one name with other bodies have one key: an edit forgets nothing."""

    def written() -> Any:
        @step("a step")
        def a_step(request: BootstrapRequest, place: Place) -> Place:
            return place

        return a_step

    def rewritten() -> Any:
        @step("a step")
        def a_step(request: BootstrapRequest, place: Place) -> Place:
            """Edited."""
            return place.model_copy()

        return a_step

    keys = {
        task.cache_key_fn(SimpleNamespace(task=task), {"request": REQUEST, "place": PLACE})
        for task in (written(), rewritten())
    }
    assert len(keys) == 1


def test_steps_that_must_look_each_time_have_no_key() -> None:
    """Who calls, and the registration code, are asked for in every run; what is made is kept."""
    assert [task.cache_key_fn for task in (check_caller, get_registration_code)] == [None, None]
    for task in (create_certificate_authority, issue_verification_certificate):
        assert task.cache_key_fn is step_key
        assert task.persist_result
        assert task.result_serializer == "json"


def failed(status: int) -> AwsCallFailed:
    """AWS's answer with an HTTP status."""
    return AwsCallFailed(service="iot", action="CreatePolicy", code="X", message="", status=status)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(failed(503), True, id="AWS is in trouble"),
        pytest.param(AwsUnreachable("no answer"), True, id="no answer"),
        pytest.param(failed(400), False, id="AWS refused"),
        pytest.param(failed(403), False, id="denied"),
        pytest.param(ConfigurationError("wrong"), False, id="wrong request"),
        pytest.param(ResourceConflict("other"), False, id="conflict"),
        pytest.param(KeyError("bug"), False, id="a bug of ours"),
        pytest.param(KeyboardInterrupt(), False, id="Ctrl-C"),
    ],
)
def test_only_what_may_pass_is_tried_again(error: BaseException, expected: bool) -> None:
    """A refusal fails at once; Prefect's retries are for what passes by itself."""

    def result() -> None:
        raise error

    state: Any = SimpleNamespace(result=result)
    task: Any = create_certificate_authority
    assert worth_a_new_try(task, SimpleNamespace(), state) is expected  # type: ignore[arg-type]


def test_a_success_is_not_tried_again() -> None:
    """The condition is asked of failures, and says no to anything else."""
    state: Any = SimpleNamespace(result=lambda: None)
    task: Any = create_certificate_authority
    assert worth_a_new_try(task, SimpleNamespace(), state) is False  # type: ignore[arg-type]
