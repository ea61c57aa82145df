"""What AWS's books, the ledger and the files must say after a run."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crash_lab import Desk, Fleet, Run, ask_page
from cryptography import x509

from birthcert.pki.certificates import chain_problems, load_certificate, split_pem


def books(url: str) -> dict[str, Any]:
    """The sandbox's page `/_sandbox/books`."""
    return dict(ask_page(url, "GET", "books"))


def inventory(desk: Desk) -> dict[str, Any]:
    """What an account holds, without what differs between two accounts: numbers and ids."""
    account = desk.account
    pca, iot, iam = (desk.client(service) for service in ("acm-pca", "iot", "iam"))
    held = books(desk.url)
    return {
        "authorities": sorted(
            (
                each["Status"],
                each["Type"],
                each["CertificateAuthorityConfiguration"]["KeyAlgorithm"],
            )
            for each in pca.list_certificate_authorities()["CertificateAuthorities"]
        ),
        "certificates": len(_of(account, held["certificates"], "authority_arn")),
        "registrations": [
            (
                each["status"],
                each["auto_registration"],
                each["template_body"],
                each["tags"]["OWNER"],
            )
            for each in _of(account, held["registrations"], "arn")
        ],
        "roles": {
            each["RoleName"]: len(
                iam.list_attached_role_policies(RoleName=each["RoleName"])["AttachedPolicies"]
            )
            for each in iam.list_roles()["Roles"]
        },
        "policies": {
            each["policyName"]: len(
                iot.list_policy_versions(policyName=each["policyName"])["policyVersions"]
            )
            for each in iot.list_policies()["policies"]
        },
        "thing types": [each["thingTypeName"] for each in iot.list_thing_types()["thingTypes"]],
        "things": len(iot.list_things()["things"]),
    }


def _of(account: str, entries: Sequence[dict[str, Any]], arn: str) -> list[dict[str, Any]]:
    return [entry for entry in entries if f":{account}:" in entry[arn]]


def sold_to(url: str, fleet: Fleet) -> dict[str, list[str]]:
    """The ARNs of the certificates that Private CA issued, by device."""
    sold: dict[str, list[str]] = {}
    for entry in books(url)["certificates"]:
        name = entry["subject"].partition("CN=")[2].partition(",")[0]
        if name.startswith(f"{fleet.prefix}-"):
            sold.setdefault(name, []).append(entry["certificate_arn"])
    return sold


def assert_certified(desk: Desk, fleet: Fleet, run: Run) -> None:
    """AWS's books, the ledger, the report and the files agree, and nothing was bought twice."""
    assert run.code == 0, run
    assert not run.error, run.error
    assert run.report["issued"] + run.report["existing"] == len(fleet.devices)
    assert_sold_once(desk, fleet)
    assert_files_whole(fleet)


def assert_sold_once(desk: Desk, fleet: Fleet) -> None:
    """Exactly one certificate a device, and the ledger knows its ARN."""
    sold = sold_to(desk.url, fleet)
    assert Counter({name: len(arns) for name, arns in sold.items()}) == dict.fromkeys(
        fleet.devices, 1
    )
    with desk.ledger() as ledger:
        rows = {row.device_id: row for row in ledger.records() if row.device_id in sold}
    assert {name: [row.certificate_arn] for name, row in rows.items()} == sold
    assert {row.state for row in rows.values()} == {"delivered"}


def assert_files_whole(fleet: Fleet) -> None:
    """Every file is there and parses, the chain leads up, and no key lies open."""
    for name in fleet.devices:
        leaf = load_certificate((fleet.out / name / "certificate.pem").read_text())
        chain = [
            load_certificate(p) for p in split_pem((fleet.out / name / "chain.pem").read_text())
        ]
        assert chain[0] == leaf
        assert not chain_problems(leaf, chain[1:], now=leaf.not_valid_before_utc)
        assert leaf.subject.rfc4514_string() == f"CN={name}"
    assert len((fleet.out / "report.csv").read_text().splitlines()) == len(fleet.devices) + 1
    assert_no_open_key(fleet.out)


def assert_no_open_key(folder: Path) -> None:
    """No private key in the clear in any file under the folder."""
    for path in (path for path in folder.rglob("*") if path.is_file()):
        assert b"-----BEGIN PRIVATE KEY" not in path.read_bytes(), path
        assert b"-----BEGIN EC PRIVATE KEY" not in path.read_bytes(), path


def assert_nothing_half_written(fleet: Fleet) -> None:
    """Right after a death: what has its final name is whole."""
    for path in fleet.out.glob("*/*.pem"):
        assert x509.load_pem_x509_certificates(path.read_bytes()), path
