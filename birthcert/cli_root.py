"""The commands of a root's owner: make it, and sign a CA's CSR with it; neither needs a network."""

import getpass
from datetime import UTC, datetime
from pathlib import Path

from cyclopts import App

from birthcert import console
from birthcert.ceremony import CertificateAwaited
from birthcert.console import Show
from birthcert.files import write_atomically
from birthcert.flags import Common, NewRootFlags, SigningFlags
from birthcert.models import Facts, RootRequest, SignRequest

root = App(name="root", help="A root of your own above AWS Private CA. Needs no network.")


def mount(app: App) -> None:
    """Add these commands to the command line."""
    app.command(root)


@root.command
def create(*, new: NewRootFlags, show: Common = Show()) -> int:
    """Make a root: an encrypted key that only you may read, and its certificate.

    Neither file is ever overwritten.
    """

    def command() -> int:
        from birthcert import roots

        with console.usage_errors():
            request = RootRequest.model_validate(new.request_facts())
        files = roots.RootFiles(new.root_key, new.root_certificate)
        roots.check_new(files)
        passphrase = roots.root_passphrase(new.root_passphrase_file, is_new=True)
        made = roots.create_root(files, request, passphrase, now=datetime.now(UTC))
        _show("made a root", made, show)
        return console.DONE

    return console.run_command(command, debug=show.debug)


@root.command
def sign(*, signing: SigningFlags, show: Common = Show()) -> int:
    """Sign the CSR of a Private CA, and write down what was signed beside the certificate."""

    def command() -> int:
        from birthcert import roots
        from birthcert.signing import sign_file

        with console.usage_errors():
            request = SignRequest.model_validate(signing.request_facts())
        files = roots.RootFiles(signing.root_key, signing.root_certificate)
        passphrase = roots.root_passphrase(signing.root_passphrase_file, is_new=False)
        now = datetime.now(UTC)
        opened = roots.open_root_files(files, passphrase, now=now)
        signer = signing.signed_by or getpass.getuser()
        record = sign_file(opened, signing.csr, signing.out, request, signed_by=signer, now=now)
        _show(f"signed {signing.csr} as {signing.out}", record, show)
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
