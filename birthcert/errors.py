"""What can go wrong, as facts: the sentence is made from the attributes and says what to do."""

from typing import ClassVar


class BirthcertError(Exception):
    """Base of all errors of the product; `str()` is one line: what is wrong; what to do.

    `exit_code` is what the command line returns: 1 failed, 2 wrong usage or configuration
    (nothing was touched).
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, remedy: str = "", **facts: object) -> None:
        self.what = what
        self.remedy = remedy
        self.facts = facts
        super().__init__(f"{what}; {remedy}" if remedy else what)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.remedy, self.facts))


def _rebuild(
    kind: type[BirthcertError], what: str, remedy: str, facts: dict[str, object]
) -> BirthcertError:
    error = kind.__new__(kind)
    BirthcertError.__init__(error, what, remedy=remedy, **facts)
    return error


class ConfigurationError(BirthcertError):
    """The request or the settings cannot work: found before anything was touched."""

    exit_code = 2


class UnusableInput(BirthcertError):
    """A file that the user gave (CSR, key, manifest, template, policy) cannot be used."""

    exit_code = 2


class WrongAccount(ConfigurationError):
    """The credentials belong to another account than the one asked for."""

    def __init__(self, *, asked: str, caller: str, arn: str) -> None:
        super().__init__(
            f"the credentials belong to account {caller} ({arn}), not to {asked}",
            remedy="nothing was touched: choose the profile of the account you want",
            asked=asked,
            caller=caller,
            arn=arn,
        )


class AwsCallFailed(BirthcertError):
    """AWS answered with an error that is not worth retrying, or went on answering it.

    Facts: `service`, `action`, `code`, `message`, `request_id`, `status` (HTTP).
    """

    def __init__(
        self,
        *,
        service: str,
        action: str,
        code: str,
        message: str,
        request_id: str = "",
        status: int = 0,
        resource_id: str = "",
        resource_arn: str = "",
        remedy: str = "",
    ) -> None:
        self.service, self.action, self.code, self.message = service, action, code, message
        self.request_id, self.status = request_id, status
        self.resource_id, self.resource_arn = resource_id, resource_arn
        super().__init__(
            f"{service}:{action} answered {code}: {message or 'no message'}"
            + (f" (request id {request_id})" if request_id else ""),
            remedy=remedy,
            **{
                "service": service,
                "action": action,
                "code": code,
                "request_id": request_id,
                "status": status,
            },
        )

    def __reduce__(self) -> tuple[object, ...]:
        facts = {
            name: getattr(self, name)
            for name in (
                "service",
                "action",
                "code",
                "message",
                "request_id",
                "status",
                "resource_id",
                "resource_arn",
                "remedy",
            )
        }
        return (_rebuild_aws, (type(self), facts))


def _rebuild_aws(kind: type[AwsCallFailed], facts: dict[str, str]) -> AwsCallFailed:
    return kind(**facts)  # type: ignore[arg-type]


class AwsUnreachable(BirthcertError):
    """No answer from AWS: no credentials, no route, or the endpoint does not resolve."""


class ResourceConflict(BirthcertError):
    """Something with this name or key is there already and differs from what was asked for."""


class ResourceGone(BirthcertError):
    """A resource that an earlier step made is not there any more, or not usable."""


class NotAsked(BirthcertError):
    """The run is ending: AWS was not asked, and nothing was bought by this call."""
