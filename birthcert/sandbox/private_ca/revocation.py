"""A CA's revocation configuration: checked, completed, and what it adds to certificates [13]."""

from collections.abc import Callable
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from birthcert.sandbox.private_ca.arns import authority_id
from birthcert.sandbox.private_ca.structures import invalid

_DISABLED: Final = {"Enabled": False}


def configuration(
    asked: dict[str, Any] | None,
    before: dict[str, Any] | None = None,
    *,
    bucket_exists: Callable[[str], bool],
) -> dict[str, Any]:
    """The configuration in force after a Create or Update; what is not given stays as `before`.

    InvalidArgsException for a disabled block that holds more than `Enabled`, a CRL without its
    bucket or with one that is not there, a CNAME with a protocol, OmitExtension with a CNAME.
    """
    base = before or {"CrlConfiguration": _DISABLED, "OcspConfiguration": _DISABLED}
    merged = {**base, **(asked or {})}
    if asked and "CrlConfiguration" in asked:
        merged["CrlConfiguration"] = _crl(asked["CrlConfiguration"], bucket_exists)
    if asked and "OcspConfiguration" in asked:
        _check_block("OcspConfiguration", asked["OcspConfiguration"], "OcspCustomCname")
    return merged


def _crl(asked: dict[str, Any], bucket_exists: Callable[[str], bool]) -> dict[str, Any]:
    _check_block("CrlConfiguration", asked, "CustomCname")
    if not asked["Enabled"]:
        return asked
    bucket = asked.get("S3BucketName")
    if not bucket:
        raise invalid("A CRL configuration that is enabled needs an S3BucketName.")
    if not bucket_exists(bucket):
        raise invalid(f"The bucket {bucket} does not exist or cannot be written.")
    if _omits_extension(asked) and asked.get("CustomCname"):
        raise invalid("OmitExtension cannot be enabled with a custom CNAME.")
    return {"S3ObjectAcl": "PUBLIC_READ", "CrlType": "COMPLETE", **asked}


def _check_block(name: str, block: dict[str, Any], cname_member: str) -> None:
    if not block["Enabled"] and len(block) > 1:
        raise invalid(f"{name} that is disabled must contain only Enabled.")
    if "://" in block.get(cname_member, ""):
        raise invalid(f"{cname_member} must not include a protocol prefix.")


def _omits_extension(crl: dict[str, Any]) -> bool:
    extension = crl.get("CrlDistributionPointExtensionConfiguration") or {}
    return bool(extension.get("OmitExtension"))


def issued_extensions(
    revocation: dict[str, Any], arn: str, region: str
) -> list[tuple[x509.ExtensionType, bool]]:
    """What the configuration puts into each certificate: CRL and OCSP addresses, if enabled."""
    found: list[tuple[x509.ExtensionType, bool]] = []
    crl, ocsp = revocation["CrlConfiguration"], revocation["OcspConfiguration"]
    if crl["Enabled"] and not _omits_extension(crl):
        address = x509.UniformResourceIdentifier(_crl_address(crl, arn, region))
        point = x509.DistributionPoint([address], None, None, None)
        found.append((x509.CRLDistributionPoints([point]), False))
    if ocsp["Enabled"]:
        host = ocsp.get("OcspCustomCname") or f"ocsp.acm-pca.{region}.amazonaws.com"
        access = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(f"http://{host}")
        )
        found.append((x509.AuthorityInformationAccess([access]), False))
    return found


def _crl_address(crl: dict[str, Any], arn: str, region: str) -> str:
    host = crl.get("CustomCname") or f"{crl['S3BucketName']}.s3.{region}.amazonaws.com"
    path = crl.get("CustomPath", "crl").strip("/")
    return f"http://{host}/{path + '/' if path else ''}{authority_id(arn)}.crl"
