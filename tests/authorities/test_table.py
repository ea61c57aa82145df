"""Every kind of CA: what AWS allows ends with devices that verify; the rest is refused first.

The table is mode x kind of key x registration mode x path length, and beside it the other sizes
of keys and what the verification template and the usage mode add. `rule_against` is the oracle:
AWS's rules, written down once more and apart from the product.
"""

import itertools
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from birthcert.aws.access import AwsAccess
from birthcert.aws.issuer import PrivateCaIssuer
from birthcert.errors import ConfigurationError
from birthcert.models import BootstrapRequest, CertificateAuthority, Place, Subject
from birthcert.pki.certificates import split_pem
from birthcert.pki.csr import build_csr
from birthcert.pki.tokens import idempotency_token
from birthcert.pki.validity import validity_for
from birthcert.roots import RootFiles
from birthcert.sandbox.server import Sandbox
from flows.authority import certificate_authority
from tasks.caller import check_caller
from tasks.registration import (
    get_registration_code,
    issue_verification_certificate,
    register_ca_certificate,
)
from tests.authorities.conftest import Straight, a_root, asked, key_of, made_by_hand

MODES = ("pca-root", "pca-hierarchy", "offline-root", "existing")
KEYS_IN_FULL = ("RSA_2048", "EC_prime256v1")
# no rule looks at a key's size together with anything else: one cell of each a mode
OTHER_KEYS = ("RSA_3072", "RSA_4096", "EC_secp384r1")
KEYS = (*KEYS_IN_FULL, *OTHER_KEYS)
KEYS_THAT_IOT_REFUSES = ("EC_secp521r1", "ML_DSA_65", "SM2")
REGISTRATIONS = ("DEFAULT", "SNI_ONLY")
PATH_LENGTHS = (None, 0, 1)
END_ENTITY, SUB_CA = "EndEntityCertificate/V1", "SubordinateCACertificate_PathLen0/V1"
USAGES = ("GENERAL_PURPOSE", "SHORT_LIVED_CERTIFICATE")
DEVICES = 3
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Cell:
    """One combination; a path length of None is a CA that has no limit, a root's."""

    mode: str
    key: str
    registration: str
    path_length: int | None
    verification: str = END_ENTITY
    usage: str = "GENERAL_PURPOSE"

    def __str__(self) -> str:
        short = "short-lived" if self.usage != USAGES[0] else ""
        proof = "proof is a CA" if self.verification == SUB_CA else ""
        facts = (self.mode, self.key, self.registration, f"path {self.path_length}", proof, short)
        return " ".join(fact for fact in facts if fact)


def rule_against(cell: Cell) -> str:
    """The number of the rule by which AWS refuses this cell; empty where it allows it."""
    if cell.key not in KEYS:
        return "[9"
    if cell.mode == "pca-root" and cell.path_length is not None:
        return "[7]"
    short_lived = cell.usage == "SHORT_LIVED_CERTIFICATE"
    sub_ca = cell.verification == SUB_CA
    # an existing CA is what it is: only what we ask of it can be refused
    too_long = cell.path_length == 1 and cell.mode != "existing"
    if short_lived and (sub_ca or too_long):
        return "[11]"
    lowest = 0 if cell.mode in ("offline-root", "pca-hierarchy") else None
    path_length = lowest if cell.path_length is None else cell.path_length
    return "[7]" if sub_ca and path_length == 0 else ""


CELLS = [
    *(Cell(*each) for each in product(MODES, KEYS_IN_FULL, REGISTRATIONS, PATH_LENGTHS)),
    *(Cell(mode, key, "DEFAULT", None) for mode, key in product(MODES, OTHER_KEYS)),
    *(Cell(*each, None) for each in product(MODES, KEYS_THAT_IOT_REFUSES, REGISTRATIONS)),
    *(
        Cell(mode, "EC_prime256v1", registration, length, verification, usage)
        for mode, registration, length, verification, usage in product(
            MODES, REGISTRATIONS, PATH_LENGTHS, (END_ENTITY, SUB_CA), USAGES
        )
        if (verification, usage) != (END_ENTITY, USAGES[0])
        # in SNI_ONLY mode nothing is proved
        and (registration, verification) != ("SNI_ONLY", SUB_CA)
    ),
]
ALLOWED = [cell for cell in CELLS if not rule_against(cell)]
REFUSED = [cell for cell in CELLS if rule_against(cell)]


def request_facts(cell: Cell, root: RootFiles, arn: str | None) -> dict[str, Any]:
    """What a user would ask for; `arn` is the existing CA's."""
    facts: dict[str, Any] = {
        "authority": cell.mode,
        "registration_mode": cell.registration,
        "verification_certificate": {"template": cell.verification},
    }
    if cell.mode == "existing":
        return facts | {"authority_arn": arn}
    if cell.mode == "offline-root":
        facts["offline_root"] = {
            "certificate_file": str(root.certificate),
            "key_file": str(root.key),
        }
    if cell.mode == "pca-hierarchy" and cell.key in KEYS:
        facts["pca_root"] = {"key_algorithm": cell.key}
    return facts | {
        "certificate_authority": {
            "key_algorithm": cell.key,
            "path_length": cell.path_length,
            "usage_mode": cell.usage,
        }
    }


@pytest.fixture
def existing(bench: AwsAccess, tenant: str) -> Callable[[Cell], str | None]:
    """The ARN of a CA as the cell has it, made by someone else; None in the other modes."""

    def arn(cell: Cell) -> str | None:
        if cell.mode != "existing":
            return None
        key = cell.key if cell.key in (*KEYS, "EC_secp521r1") else "EC_prime256v1"
        return made_by_hand(
            bench,
            name=tenant,
            key_algorithm=key,
            path_length=cell.path_length,
            root=None if cell.path_length is None else a_root(),
            usage_mode=cell.usage,
        ).arn

    return arn


@pytest.fixture
def tenant(bench: AwsAccess) -> Iterator[str]:
    """A tenant of the cell's own, whose CAs are deleted after it."""
    yield f"cell-{next(_numbers)}"
    for authority in bench.pages("acm-pca", "ListCertificateAuthorities", "CertificateAuthorities"):
        arn = {"CertificateAuthorityArn": authority["Arn"]}
        if authority["Status"] == "ACTIVE":
            bench.call("acm-pca", "UpdateCertificateAuthority", **arn, Status="DISABLED")
            bench.call("acm-pca", "DeleteCertificateAuthority", **arn)


def registered(run: Straight, request: BootstrapRequest) -> tuple[Place, CertificateAuthority, str]:
    """The flow's steps up to the registration; the registration's id comes last."""
    place = run(check_caller, request).place
    authority = certificate_authority(run, request, place)  # type: ignore[arg-type]
    proof = None
    if request.registration_mode == "DEFAULT":
        code = run(get_registration_code, request, place)
        proof = run(issue_verification_certificate, request, place, authority, code)
    return (
        place,
        authority,
        run(register_ca_certificate, request, place, authority, proof).certificate_id,
    )


def device_chains(aws: AwsAccess, place: Place, authority: CertificateAuthority) -> Iterator[str]:
    """Certificates of devices with each kind of key that AWS IoT takes, and the chain above."""
    issuer = PrivateCaIssuer(aws, authority, place.partition)
    days = 7 if authority.usage_mode == "SHORT_LIVED_CERTIFICATE" else 3_640
    for number, key in zip(
        range(DEVICES), ("RSA_2048", "EC_prime256v1", "EC_secp384r1"), strict=True
    ):
        arn = issuer.issue(
            build_csr(key_of(key), Subject(common_name=f"device-{number}")),
            template="EndEntityClientAuthCertificate/V1",
            validity=dict(validity_for(datetime.now(UTC), days, issuer.not_after)),
            token=idempotency_token(authority.arn, str(number)),
        )
        issued = issuer.get(arn)
        assert issued is not None
        yield "".join(part.strip() + "\n" for part in issued)


def openssl_verifies(folder: Path, root_pem: str, chains: list[str]) -> str:
    """What `openssl verify` says of devices below a root, the CAs between given as untrusted."""
    (folder / "root.pem").write_text(root_pem)
    above = [pem for chain in chains for pem in split_pem(chain)[1:]]
    (folder / "between.pem").write_text("".join(dict.fromkeys(above)))
    names = []
    for number, chain in enumerate(chains):
        (folder / f"{number}.pem").write_text(split_pem(chain)[0])
        names.append(f"{number}.pem")
    command = ["openssl", "verify", "-purpose", "sslclient", "-CAfile", "root.pem"]
    done = subprocess.run(
        [*command, "-untrusted", "between.pem", *names],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("cell", ALLOWED, ids=str)
def test_what_aws_allows_ends_with_devices_that_verify(
    cell: Cell,
    run: Straight,
    bench: AwsAccess,
    tenant: str,
    root_files: RootFiles,
    existing: Callable[[Cell], str | None],
    tmp_path: Path,
) -> None:
    """Three devices' chains verify by openssl up to the root that this mode trusts."""
    request = asked(tenant=tenant, **request_facts(cell, root_files, existing(cell)))
    place, authority, certificate_id = registered(run, request)
    described = bench.call("iot", "DescribeCACertificate", certificateId=certificate_id)
    assert described["certificateDescription"]["status"] == "ACTIVE"
    assert described["certificateDescription"]["certificatePem"].split() == (
        authority.certificate_pem.split()
    )
    root_pem = split_pem(authority.certificate_pem + "\n" + authority.chain_pem)[-1]
    if cell.mode == "offline-root":
        assert root_pem.split() == root_files.certificate.read_text().split()
    chains = list(device_chains(bench, place, authority))
    assert openssl_verifies(tmp_path, root_pem, chains).split() == [
        word for number in range(DEVICES) for word in (f"{number}.pem:", "OK")
    ]


@pytest.mark.parametrize("cell", REFUSED, ids=str)
def test_what_aws_refuses_is_refused_first(
    cell: Cell,
    run: Straight,
    tenant: str,
    root_files: RootFiles,
    existing: Callable[[Cell], str | None],
    monkeypatch: pytest.MonkeyPatch,
    sandbox: Sandbox,
) -> None:
    """The rule is named, and AWS was asked to make nothing."""
    arn = existing(cell)
    if cell.mode == "existing" and cell.key in ("ML_DSA_65", "SM2"):
        pretend_the_key_is(cell.key, monkeypatch)
    before = sandbox.calls()
    with pytest.raises((ConfigurationError, ValidationError)) as refused:
        registered(run, asked(tenant=tenant, **request_facts(cell, root_files, arn)))
    assert rule_against(cell) in str(refused.value)
    assert made_between(before, sandbox.calls()) == []


def pretend_the_key_is(key_algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """DescribeCertificateAuthority as AWS answers it of a key that the sandbox cannot make."""
    call = AwsAccess.call

    def answered(self: AwsAccess, service: str, action: str, **parameters: Any) -> dict[str, Any]:
        answer = call(self, service, action, **parameters)
        if action == "DescribeCertificateAuthority":
            configuration = answer["CertificateAuthority"]["CertificateAuthorityConfiguration"]
            configuration["KeyAlgorithm"] = key_algorithm
        return answer

    monkeypatch.setattr(AwsAccess, "call", answered)


def made_between(before: dict[str, dict[str, int]], after: dict[str, dict[str, int]]) -> list[str]:
    """Actions that do more than read, and that AWS carried out or refused."""
    reading = ("Describe", "Get", "List")
    return [
        name
        for name, outcomes in after.items()
        if outcomes != before.get(name) and not name.split(".")[1].startswith(reading)
    ]
