"""AWS Private CA of one account and region: the front door to the rules [1-17].

Free of moto: requests come in as the JSON of AWS's protocol (blobs in base64), answers go out
as JSON with times in seconds since the epoch, refusals are AwsError.
"""

from collections.abc import Callable
from typing import Any, Final

from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.private_ca import access_calls, authority_calls, certificate_calls
from birthcert.sandbox.private_ca.access import SHARED_ACTIONS, check_shared
from birthcert.sandbox.private_ca.book import Book, Params
from birthcert.sandbox.private_ca.listing import authority_entry, certificate_entry

Call = Callable[[Book, Params], Params]

CALLS: Final[dict[str, Call]] = {
    "CreateCertificateAuthority": authority_calls.create,
    "CreateCertificateAuthorityAuditReport": certificate_calls.create_report,
    "CreatePermission": access_calls.create_permission,
    "DeleteCertificateAuthority": authority_calls.delete,
    "DeletePermission": access_calls.delete_permission,
    "DeletePolicy": access_calls.delete_policy,
    "DescribeCertificateAuthority": authority_calls.describe,
    "DescribeCertificateAuthorityAuditReport": certificate_calls.describe_report,
    "GetCertificate": certificate_calls.get_certificate,
    "GetCertificateAuthorityCertificate": authority_calls.get_certificate,
    "GetCertificateAuthorityCsr": authority_calls.get_csr,
    "GetPolicy": access_calls.get_policy,
    "ImportCertificateAuthorityCertificate": authority_calls.import_certificate,
    "IssueCertificate": certificate_calls.issue_certificate,
    "ListCertificateAuthorities": authority_calls.list_authorities,
    "ListPermissions": access_calls.list_permissions,
    "ListTags": authority_calls.list_tags,
    "PutPolicy": access_calls.put_policy,
    "RestoreCertificateAuthority": authority_calls.restore,
    "RevokeCertificate": certificate_calls.revoke_certificate,
    "TagCertificateAuthority": authority_calls.tag,
    "UntagCertificateAuthority": authority_calls.untag,
    "UpdateCertificateAuthority": authority_calls.update,
}
# These make keys, sign or write for long: they take the lock themselves, for moments.
_SELF_LOCKING: Final = {
    "CreateCertificateAuthorityAuditReport",
    "GetCertificateAuthorityCsr",
    "ImportCertificateAuthorityCertificate",
    "IssueCertificate",
    "ListCertificateAuthorities",
}


class PrivateCa(Book):
    """The service of one account and region."""

    def handle(self, action: str, params: Params, *, caller: str | None = None) -> Params:
        """Answer one call; AwsError as AWS would.

        `caller` is the calling account where it is not the owner: then the CA's resource policy
        must allow the call (AccessDeniedException).
        """
        call = CALLS.get(action)
        if call is None:
            raise AwsError("UnknownOperationException", f"There is no operation {action}.")
        if caller not in (None, self.account):
            self._check_caller(action, params, caller or "")
        if action in _SELF_LOCKING:
            return call(self, params)
        with self.lock:
            return call(self, params)

    def _check_caller(self, action: str, params: Params, caller: str) -> None:
        arn = params.get("CertificateAuthorityArn") or params.get("ResourceArn", "")
        authority = self.authority(arn)
        check_shared(authority, action if action in SHARED_ACTIONS else "", params, caller)

    def books(self) -> dict[str, list[dict[str, Any]]]:
        """All authorities and certificates, as the sandbox's own page shows them."""
        now = self.now()
        with self.lock:
            issued = [
                (authority.arn, serial, certificate)
                for authority in self.present()
                for serial, certificate in authority.certificates.items()
            ]
        return {
            "authorities": [authority_entry(each, now) for each in self.present()],
            "certificates": [certificate_entry(*each) for each in issued],
        }
