"""The calls on permissions and on the resource policy."""

from birthcert.sandbox.private_ca import access
from birthcert.sandbox.private_ca.authority import LIVING, Authority
from birthcert.sandbox.private_ca.book import Book, Params
from birthcert.sandbox.private_ca.paging import page


def create_permission(book: Book, params: Params) -> Params:
    """CreatePermission."""
    authority = _living(book, params["CertificateAuthorityArn"])
    access.create_permission(authority, params, book.now())
    return {}


def list_permissions(book: Book, params: Params) -> Params:
    """ListPermissions."""
    authority = _living(book, params["CertificateAuthorityArn"])
    found = {" ".join(key): value for key, value in authority.permissions.items()}
    keys, more = page(list(found), params)
    return {"Permissions": [found[key] for key in keys], **more}


def delete_permission(book: Book, params: Params) -> Params:
    """DeletePermission."""
    access.delete_permission(_living(book, params["CertificateAuthorityArn"]), params)
    return {}


def put_policy(book: Book, params: Params) -> Params:
    """PutPolicy."""
    access.put_policy(_living(book, params["ResourceArn"]), params["Policy"])
    return {}


def get_policy(book: Book, params: Params) -> Params:
    """GetPolicy."""
    return {"Policy": access.get_policy(_living(book, params["ResourceArn"]))}


def delete_policy(book: Book, params: Params) -> Params:
    """DeletePolicy: succeeds without a policy too."""
    _living(book, params["ResourceArn"]).policy = None
    return {}


def _living(book: Book, arn: str) -> Authority:
    authority = book.authority(arn)
    authority.require(book.now(), *LIVING)
    return authority
