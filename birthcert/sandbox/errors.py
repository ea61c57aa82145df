"""The one exception that the sandbox's rules raise: an answer in AWS's own words."""


class AwsError(Exception):
    """An error answer: AWS's `code`, HTTP `status`, `message`, and extra body fields.

    `extra` are members that the service adds beside the message, such as IoT's
    `resourceId` and `resourceArn` on a ResourceAlreadyExistsException.
    """

    def __init__(self, code: str, message: str, *, status: int = 400, **extra: str) -> None:
        self.code, self.message, self.status, self.extra = code, message, status, extra
        super().__init__(f"{code}: {message}")
