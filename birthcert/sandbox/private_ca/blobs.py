"""Blobs of the JSON protocol: base64 on the wire, bytes inside."""

import base64
import binascii

from birthcert.sandbox.errors import AwsError


def blob(value: object, member: str) -> bytes:
    """The bytes of a blob member; SerializationException where it is not base64."""
    if not isinstance(value, str):
        raise AwsError("SerializationException", f"{member} must be a base64-encoded blob.")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise AwsError("SerializationException", f"{member} is not valid base64.") from error
