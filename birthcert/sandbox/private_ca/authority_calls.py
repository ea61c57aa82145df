"""The calls that make, change, list and delete certificate authorities [1, 3, 6, 15]."""

from typing import Final

from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.private_ca import access, arns, creating, revocation, tags
from birthcert.sandbox.private_ca.authority import (
    CREATED,
    DEFAULT_DELETION_DAYS,
    INSTALLED,
    LIVING,
    Authority,
    described,
)
from birthcert.sandbox.private_ca.book import Book, Params
from birthcert.sandbox.private_ca.importing import check_import
from birthcert.sandbox.private_ca.paging import page
from birthcert.sandbox.private_ca.structures import invalid

_CREATE: Final = "CreateCertificateAuthority"
_ARN: Final = "CertificateAuthorityArn"


def create(book: Book, params: Params) -> Params:
    """CreateCertificateAuthority: CREATING at first, for as long as the knob says."""
    token = params.get("IdempotencyToken")
    if made := book.recall(_CREATE, "", token):
        return {_ARN: made}
    authority = _new_authority(book, params)
    book.authorities[authority.arn] = authority
    book.remember(_CREATE, "", token, authority.arn)
    return {_ARN: authority.arn}


def _new_authority(book: Book, params: Params) -> Authority:
    configuration, knobs, now = (
        params["CertificateAuthorityConfiguration"],
        book.state.knobs.now,
        book.now(),
    )
    creating.check_configuration(configuration)
    return Authority(
        arn=arns.new_authority_arn(book.partition, book.region, book.account),
        owner=book.account,
        kind=params["CertificateAuthorityType"],
        configuration=configuration,
        revocation=revocation.configuration(
            params.get("RevocationConfiguration"), bucket_exists=book.store.exists
        ),
        usage_mode=params.get("UsageMode") or "GENERAL_PURPOSE",
        key_storage_security_standard=creating.key_storage_standard(params, book.region),
        created_at=now,
        ready_at=now + knobs.ca_creation_seconds,
        failure_reason=knobs.ca_creation_failure,
        tags=tags.checked(params.get("Tags")),
    )


def describe(book: Book, params: Params) -> Params:
    """DescribeCertificateAuthority."""
    return {"CertificateAuthority": described(book.authority(params[_ARN]), book.now())}


def list_authorities(book: Book, params: Params) -> Params:
    """ListCertificateAuthorities: one's own, or those that other accounts share."""
    found = book.present()
    if params.get("ResourceOwner") == "OTHER_ACCOUNTS":
        found = _shared(book)
    by_arn = {each.arn: each for each in found}
    keys, more = page(list(by_arn), params)
    now = book.now()
    return {"CertificateAuthorities": [described(by_arn[key], now) for key in keys], **more}


def _shared(book: Book) -> list[Authority]:
    return [
        authority
        for other in book.neighbours()
        if other.region == book.region and other.account != book.account
        for authority in other.present()
        if access.grants(authority, "DescribeCertificateAuthority", book.account)
    ]


def update(book: Book, params: Params) -> Params:
    """UpdateCertificateAuthority: only in ACTIVE or DISABLED, and only to one of these."""
    authority, now = book.authority(params[_ARN]), book.now()
    authority.require(now, "ACTIVE", "DISABLED")
    status = params.get("Status")
    if status not in (None, "ACTIVE", "DISABLED"):
        raise invalid(f"The status can be set to ACTIVE or DISABLED, not to {status}.")
    authority.revocation = revocation.configuration(
        params.get("RevocationConfiguration"),
        authority.revocation,
        bucket_exists=book.store.exists,
    )
    authority.settle(status or authority.settled, now)
    return {}


def delete(book: Book, params: Params) -> Params:
    """DeleteCertificateAuthority: an ACTIVE one must be disabled first."""
    days = params.get("PermanentDeletionTimeInDays") or DEFAULT_DELETION_DAYS
    book.authority(params[_ARN]).delete(book.now(), days)
    return {}


def restore(book: Book, params: Params) -> Params:
    """RestoreCertificateAuthority."""
    book.authority(params[_ARN]).restore(book.now())
    return {}


def get_csr(book: Book, params: Params) -> Params:
    """GetCertificateAuthorityCsr: RequestInProgressException while the CA is being created."""
    authority, now = book.authority(params[_ARN]), book.now()
    if authority.status(now) == "CREATING":
        raise AwsError(
            "RequestInProgressException",
            f"The certificate authority {authority.arn} is still being created.",
        )
    authority.require(now, *CREATED)
    return {"Csr": creating.csr_of(authority)}


def get_certificate(book: Book, params: Params) -> Params:
    """GetCertificateAuthorityCertificate: a root has no chain [17]."""
    authority = book.authority(params[_ARN])
    authority.require(book.now(), *INSTALLED)
    installed = authority.installed
    if installed is None:
        raise AwsError("InvalidStateException", f"{authority.arn} has no certificate.")
    chain = {"CertificateChain": installed.chain_pem} if installed.chain_pem else {}
    return {"Certificate": installed.certificate_pem, **chain}


def import_certificate(book: Book, params: Params) -> Params:
    """ImportCertificateAuthorityCertificate: a pending CA becomes ACTIVE, others stay."""
    authority, now = book.authority(params[_ARN]), book.now()
    authority.require(now, *CREATED)
    installed = check_import(authority, params, now)
    with book.lock:
        pending = authority.require(now, *CREATED) == "PENDING_CERTIFICATE"
        authority.installed = installed
        authority.settle("ACTIVE" if pending else authority.settled, now)
    return {}


def tag(book: Book, params: Params) -> Params:
    """TagCertificateAuthority."""
    authority = _living(book, params)
    authority.tags = tags.added(authority.tags, params["Tags"])
    return {}


def untag(book: Book, params: Params) -> Params:
    """UntagCertificateAuthority."""
    authority = _living(book, params)
    authority.tags = tags.removed(authority.tags, params["Tags"])
    return {}


def list_tags(book: Book, params: Params) -> Params:
    """ListTags."""
    authority = _living(book, params)
    keys, more = page(list(authority.tags), params)
    return {"Tags": tags.listed(authority.tags, keys), **more}


def _living(book: Book, params: Params) -> Authority:
    authority = book.authority(params[_ARN])
    authority.require(book.now(), *LIVING)
    return authority
