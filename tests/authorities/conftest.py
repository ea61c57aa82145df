"""Roots of one's own, CAs that someone made by hand, and the flow's steps without Prefect."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from cryptography import x509

from birthcert.aws import private_ca
from birthcert.aws.access import AwsAccess
from birthcert.models import BootstrapRequest, CertificateAuthority, Subject
from birthcert.pki.algorithms import DEFAULT_SIGNING, PrivateKey, generate_private_key
from birthcert.pki.certificates import certificate_pem
from birthcert.pki.csr import read_csr
from birthcert.pki.roots import Root, make_root, sign_subordinate
from birthcert.pki.templates import ROOT_CA_TEMPLATE
from birthcert.roots import RootFiles
from birthcert.sandbox.private_ca import authority as sandbox_authority
from birthcert.sandbox.server import Sandbox
from tests.conftest import REGION, fresh_account

PASSPHRASE = "correct-horse-battery"
RECIPE = (
    "openssl genrsa -aes256 -traditional -passout pass:{} -out ca.key.pem 2048",
    "openssl req -new -x509 -days 73000 -key ca.key.pem -passin pass:{} -subj /O=ACME/CN=ACME "
    "-sha256 -extensions v3_ca -out ca.cert.pem",
)
key_of = cache(generate_private_key)


@pytest.fixture(scope="module")
def bench(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsAccess]:
    """The way into one account for a module's tests, on a sandbox that takes no time.

    All CAs of a kind have one key, since RSA keys take seconds to find; so each has a subject
    of its own.
    """
    with (
        fresh_account(sandbox, tmp_path_factory.mktemp("state")),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sandbox_authority, "generate_private_key", key_of)
        patch.setenv("BIRTHCERT_ROOT_PASSPHRASE", PASSPHRASE)
        sandbox.state.knobs.update(
            {"ca_creation_seconds": 0, "issuance_seconds": [0, 0], "iam_delay_seconds": 0}
        )
        yield AwsAccess(REGION, retry_seconds=3)


class Straight:
    """Runs steps one after another as the Runbook does, without Prefect and its results."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, str]] = []

    def __call__(self, step: Any, *args: Any, **kwargs: Any) -> Any:
        result = step.fn(*args, **kwargs)
        self.steps.append((step.name, result.outcome))
        return result


@pytest.fixture
def run() -> Straight:
    """The runner of a flow's steps."""
    return Straight()


@pytest.fixture(scope="module")
def root_files(tmp_path_factory: pytest.TempPathFactory) -> RootFiles:
    """A root by the written recipe's own commands: openssl, a key under AES-256, 73000 days."""
    folder = tmp_path_factory.mktemp("recipe")
    for words in RECIPE:
        subprocess.run(
            words.format(PASSPHRASE).split(), cwd=folder, check=True, capture_output=True
        )
    return RootFiles(folder / "ca.key.pem", folder / "ca.cert.pem")


def a_root(
    key: PrivateKey | None = None,
    *,
    path_length: int | None = None,
    days: int = 73_000,
    now: datetime | None = None,
) -> Root:
    """A root that is only in memory."""
    key = key or key_of("EC_prime256v1")
    certificate = make_root(
        key,
        Subject(common_name="someone's root"),
        validity_days=days,
        path_length=path_length,
        now=now or datetime.now(UTC),
        serial_number=x509.random_serial_number(),
    )
    return Root(certificate, key)


def made_by_hand(
    aws: AwsAccess,
    *,
    name: str = "made by hand",
    key_algorithm: str = "EC_prime256v1",
    path_length: int | None = None,
    root: Root | None = None,
    above: Root | None = None,
    usage_mode: str = "GENERAL_PURPOSE",
    days: int = 3_650,
) -> CertificateAuthority:
    """A CA that someone made without birthcert: ROOT, or below a root with a path length.

    `above`: the same root by another of its certificates, installed in the chain.
    """
    arn = aws.call(
        "acm-pca",
        "CreateCertificateAuthority",
        CertificateAuthorityConfiguration={
            "KeyAlgorithm": key_algorithm,
            "SigningAlgorithm": {**DEFAULT_SIGNING, "EC_secp521r1": "SHA512WITHECDSA"}[  # type: ignore[index]
                key_algorithm
            ],
            "Subject": {"CommonName": name},
        },
        CertificateAuthorityType="SUBORDINATE" if root else "ROOT",
        UsageMode=usage_mode,
    )["CertificateAuthorityArn"]
    csr = private_ca.csr_of(aws, arn)
    if root is None:
        authority = private_ca.authority_facts(private_ca.describe(aws, arn))
        validity: Any = {"Type": "DAYS", "Value": days}
        own = private_ca.issue(
            aws,
            authority,
            csr,
            template=ROOT_CA_TEMPLATE,
            partition="aws",
            validity=validity,
            token="by-hand",
        )
        issued = private_ca.wait_for_certificate(aws, arn, own)
        private_ca.import_certificate(aws, arn, issued.certificate_pem)
    else:
        signed = sign_subordinate(
            root,
            read_csr(csr),
            path_length=path_length or 0,
            validity_days=days,
            now=datetime.now(UTC),
            serial_number=x509.random_serial_number(),
        )
        private_ca.import_certificate(
            aws, arn, certificate_pem(signed), certificate_pem((above or root).certificate)
        )
    return private_ca.active_authority(aws, arn)


def asked(**facts: Any) -> BootstrapRequest:
    """A request, of the tenant acme with a key of EC_prime256v1 unless another is given."""
    options = {"key_algorithm": "EC_prime256v1", **facts.pop("certificate_authority", {})}
    return BootstrapRequest.model_validate(
        {"tenant": "acme", "certificate_authority": options, **facts}
    )
