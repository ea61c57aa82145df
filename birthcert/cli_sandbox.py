"""The commands of the local stand-in for AWS."""

from pathlib import Path

from cyclopts import App

from birthcert import console

sandbox = App(name="sandbox", help="A local AWS that refuses what AWS refuses. Not for production.")


def mount(app: App) -> None:
    """Add these commands to the command line."""
    app.command(sandbox)


@sandbox.command
def serve(
    *,
    dir: Path,
    port: int = 0,
    mqtt_port: int = 0,
    quotas: str = "off",
    account: str | None = None,
    region: str | None = None,
    knob: list[str] | None = None,
    debug: bool = False,
) -> int:
    """Serve the sandbox in the foreground until Ctrl-C; writes DIR/sandbox.json when ready.

    Parameters
    ----------
    dir
        Folder for sandbox.json, the server's CA and the log.
    port
        HTTP port on the loopback; 0 takes a free one.
    mqtt_port
        Device port (MQTT over mutual TLS); 0 takes a free one.
    quotas
        `aws` enforces AWS's default quotas; `off` does not.
    account
        Account of the sandbox's own access key.
    region
        Region of the sandbox's own environment.
    knob
        Misbehaviour from the start, NAME=JSON, such as iam_delay_seconds=20; may be repeated.
    """

    def command() -> int:
        from birthcert.sandbox.command import serve_sandbox

        return serve_sandbox(
            dir, port, mqtt_port, quotas=quotas, account=account, region=region, knobs=knob or []
        )

    return console.run_command(command, debug=debug)


@sandbox.command
def env(*, dir: Path, debug: bool = False) -> int:
    """Print the exports that point a shell's AWS tools at a running sandbox: eval "$(...)".

    Parameters
    ----------
    dir
        The folder given to `sandbox serve`.
    """

    def command() -> int:
        from birthcert.sandbox.command import shell_exports

        print(shell_exports(dir))
        return console.DONE

    return console.run_command(command, debug=debug)
