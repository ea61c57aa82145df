"""A root of one's own on disk: made once and never over another, opened, and put to its one use."""

import getpass
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from birthcert.errors import BirthcertError, ConfigurationError, UnusableInput
from birthcert.files import make_folder, write_new
from birthcert.models import Facts, OfflineRootOptions, RootCertificate, RootRequest
from birthcert.passphrase import MIN_BYTES, ROOT_VARIABLE, read_passphrase
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.certificates import certificate_id, certificate_pem
from birthcert.pki.roots import Root, load_root_certificate, make_root, open_root
from birthcert.pki.scrypt import IV_BYTES, SALT_BYTES, scrypt_pem

KEY_MODE: Final = 0o400
CERTIFICATE_MODE: Final = 0o444


@dataclass(frozen=True)
class RootFiles:
    """Where a root lies: its encrypted key and its certificate."""

    key: Path
    certificate: Path


class MadeRoot(Facts):
    """The JSON of `birthcert root create --json`; the SHA-256 is of the certificate's DER."""

    key: str
    certificate: str
    certificate_sha256: str
    subject: str
    key_algorithm: str
    path_length: int | None
    not_after: datetime


def check_new(files: RootFiles) -> None:
    """ConfigurationError where a file of the root to make is there: a root is never overwritten."""
    if files.key.absolute() == files.certificate.absolute():
        raise ConfigurationError("key and certificate are one file", remedy="name two")
    for path in (files.key, files.certificate):
        if path.exists() or path.is_symlink():
            raise _is_there(path)


def create_root(
    files: RootFiles, request: RootRequest, passphrase: bytes, *, now: datetime
) -> MadeRoot:
    """A new root in two new files: the key under scrypt and AES-256 (0400), the certificate (0444).

    ConfigurationError where one of them is there: nothing is left behind then.
    """
    check_new(files)
    key = generate_private_key(request.key_algorithm)
    certificate = make_root(
        key,
        request.subject,
        validity_days=request.validity_days,
        path_length=request.path_length,
        now=now,
        serial_number=x509.random_serial_number(),
    )
    for path in (files.key, files.certificate):
        make_folder(path.parent)
    pem = scrypt_pem(key, passphrase, random=secrets.token_bytes(SALT_BYTES + IV_BYTES))
    if not write_new(files.key, pem, mode=KEY_MODE):
        raise _is_there(files.key)
    try:
        written = certificate_pem(certificate).encode()
        if not write_new(files.certificate, written, mode=CERTIFICATE_MODE):
            raise _is_there(files.certificate)
    except BirthcertError:
        files.key.unlink()  # a key without its certificate is of no use to anyone
        raise
    return MadeRoot(
        key=str(files.key),
        certificate=str(files.certificate),
        certificate_sha256=certificate_id(certificate),
        subject=certificate.subject.rfc4514_string(),
        key_algorithm=request.key_algorithm,
        path_length=request.path_length,
        not_after=certificate.not_valid_after_utc,
    )


def open_root_files(files: RootFiles, passphrase: bytes, *, now: datetime) -> Root:
    """The root of two files; UnusableInput says which of them is of no use, and why."""
    return open_root(
        read_file(files.certificate),
        read_file(files.key),
        passphrase,
        now=now,
        certificate_name=str(files.certificate),
        key_name=str(files.key),
    )


def root_of_options(
    options: OfflineRootOptions, environment: Mapping[str, str], *, now: datetime
) -> Root | None:
    """The root whose files a request names, opened; None where no key is named.

    ConfigurationError for a key without its passphrase, UnusableInput for files of no use.
    """
    if options.key_file is None or options.certificate_file is None:
        return None
    passphrase = read_passphrase(
        options.passphrase_file, environment, min_bytes=1, variable=ROOT_VARIABLE
    )
    files = RootFiles(Path(options.key_file), Path(options.certificate_file))
    return open_root_files(files, passphrase, now=now)


def known_certificate(
    options: OfflineRootOptions, root: Root | None, *, now: datetime
) -> RootCertificate:
    """The root as a run knows it: opened, by its certificate alone, or not at all."""
    if root is not None:
        return root_facts(root.certificate, is_at_hand=True)
    if options.certificate_file is None:
        return RootCertificate(arn="", outcome="found")
    pem = read_file(Path(options.certificate_file))
    return root_facts(load_root_certificate(pem, now=now, name=options.certificate_file))


def root_facts(certificate: x509.Certificate, *, is_at_hand: bool = False) -> RootCertificate:
    """A root's certificate as a step's model."""
    return RootCertificate(
        arn="",
        outcome="found",
        certificate_pem=certificate_pem(certificate),
        is_at_hand=is_at_hand,
    )


def root_passphrase(file: Path | None, *, is_new: bool) -> bytes:
    """The root's passphrase from a file, the environment or, at a terminal, a prompt.

    A new one is asked for twice and has 8 bytes at least; one that is there is taken as it is.
    """
    least = MIN_BYTES if is_new else 1
    name, environment = str(file) if file else None, dict(os.environ)
    if name is None and ROOT_VARIABLE not in environment and sys.stdin.isatty():
        environment[ROOT_VARIABLE] = _typed(twice=is_new)
    return read_passphrase(name, environment, min_bytes=least, variable=ROOT_VARIABLE)


def _typed(*, twice: bool) -> str:
    typed = getpass.getpass("Passphrase of the root's key: ")
    if twice and getpass.getpass("Once more: ") != typed:
        raise ConfigurationError("the passphrases differ", remedy="nothing was made: try again")
    return typed


def read_file(path: Path) -> bytes:
    """A file that the user named; UnusableInput where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnusableInput(
            f"{path} cannot be read: {error.strerror or error}",
            remedy="name a file that this user may read",
        ) from error


def _is_there(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{path} is there already, and a root is never overwritten",
        remedy="name another file; nothing was made",
    )
