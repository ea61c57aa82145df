"""The commands of a root's owner: make it, and sign a CA's CSR with it; neither needs a network."""

import getpass
from datetime import UTC, datetime
from pathlib import Path

from cyclopts import App

from birthcert import console
from birthcert.ceremony import CertificateAwaited
from birthcert.console import Show
from birthcert.files import write_atomically
from birthcert.flags import Common
from birthcert.models import Facts, RootRequest, SignRequest

root = App(name="root", help="A root of your own above AWS Private CA. Needs no network.")


def mount(app: App) -> None:
    """Add these commands to the command line."""
    app.command(root)


@root.command
def create(
    *,
    root_key: Path,
    root_certificate: Path,
    common_name: str,
    organization: str = "",
    country: str = "",
    key_algorithm: str = "RSA_4096",
    validity_days: int = 73_000,
    path_length: int | None = None,
    root_passphrase_file: Path | None = None,
    show: Common = Show(),
) -> int:
    """Make a root: an encrypted key that only you may read, and its certificate.

    Neither file is ever overwritten.

    Parameters
    ----------
    root_key
        The key's new file: PKCS#8 under scrypt and AES-256, mode 0400.
    root_certificate
        The certificate's new file, mode 0444.
    common_name
        The root's common name.
    organization
        Its organization.
    country
        Its country, two letters.
    key_algorithm
        RSA_2048, RSA_3072, RSA_4096, EC_prime256v1 or EC_secp384r1.
    validity_days
        Life of the certificate.
    path_length
        How many CAs may stand one below the other under it; any number where not given.
    root_passphrase_file
        File with the key's passphrase; else BIRTHCERT_ROOT_PASSPHRASE, else a prompt.
    """

    def command() -> int:
        from birthcert import roots

        facts = {
            "subject": {
                "common_name": common_name,
                "organization": organization,
                "country": country,
            },
            "key_algorithm": key_algorithm,
            "validity_days": validity_days,
            "path_length": path_length,
        }
        with console.usage_errors():
            request = RootRequest.model_validate(facts)
        files = roots.RootFiles(root_key, root_certificate)
        roots.check_new(files)
        passphrase = roots.root_passphrase(root_passphrase_file, is_new=True)
        made = roots.create_root(files, request, passphrase, now=datetime.now(UTC))
        _show("made a root", made, show)
        return console.DONE

    return console.run_command(command, debug=show.debug)


@root.command
def sign(
    *,
    csr: Path,
    path_length: int,
    root_key: Path,
    root_certificate: Path,
    out: Path,
    validity_days: int = 3_650,
    csr_sha256: str | None = None,
    root_passphrase_file: Path | None = None,
    signed_by: str | None = None,
    show: Common = Show(),
) -> int:
    """Sign the CSR of a Private CA, and write down what was signed beside the certificate.

    Parameters
    ----------
    csr
        The CSR that `birthcert bootstrap --authority offline-root` wrote.
    path_length
        How many CAs may stand below it: 0 for one that issues to devices alone.
    root_key
        The root's encrypted key: PKCS#8, or openssl's traditional format.
    root_certificate
        The root's certificate.
    out
        New file for the CA's certificate, with the root's after it; OUT.json is the record.
    validity_days
        Life of the CA's certificate.
    csr_sha256
        Refuse any other CSR: what the bootstrap said, carried on another way than the CSR.
    root_passphrase_file
        File with the key's passphrase; else BIRTHCERT_ROOT_PASSPHRASE, else a prompt.
    signed_by
        Who signs, for the record; this system's user where not given.
    """

    def command() -> int:
        from birthcert import roots, signing

        with console.usage_errors():
            request = SignRequest(
                path_length=path_length, validity_days=validity_days, csr_sha256=csr_sha256
            )
        files = roots.RootFiles(root_key, root_certificate)
        passphrase = roots.root_passphrase(root_passphrase_file, is_new=False)
        now = datetime.now(UTC)
        opened = roots.open_root_files(files, passphrase, now=now)
        record = signing.sign_file(
            opened, csr, out, request, signed_by=signed_by or getpass.getuser(), now=now
        )
        _show(f"signed {csr} as {out}", record, show)
        return console.DONE

    return console.run_command(command, debug=show.debug)


def hand_over(pending: CertificateAwaited, show: Show) -> int:
    """Write the CSR that waits to be signed, and say how to go on; the error's exit code."""
    path = Path(f"{pending.awaited.name}.csr").absolute()
    write_atomically(path, pending.awaited.csr_pem.encode())
    awaited = pending.awaited.model_copy(update={"csr": str(path)})
    if show.json:
        console.print_json(awaited)
        return pending.exit_code
    if awaited.sandbox:
        console.out.print(f"[yellow]local sandbox {awaited.sandbox}, not AWS[/]")
    console.print_facts(
        f"the CA of {awaited.tenant} waits for its root, and bills meanwhile",
        {
            "certificate authority": awaited.authority_arn,
            "CSR": awaited.csr,
            "SHA-256 of the CSR": awaited.csr_sha256,
            "where the root is": awaited.sign,
            "then": f"the same command with --ca-certificate {awaited.name}.pem",
        },
    )
    return pending.exit_code


def _show(title: str, facts: Facts, show: Show) -> None:
    if show.json:
        console.print_json(facts)
    else:
        console.print_facts(title, facts.model_dump(mode="json"))
