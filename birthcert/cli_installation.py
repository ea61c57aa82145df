"""The commands of an installation on one machine: up and down."""

import os
from pathlib import Path
from typing import Final

from cyclopts import App

from birthcert import console
from birthcert.console import Show
from birthcert.flags import Common

FOLDER: Final = Path("build/up")


def mount(app: App) -> None:
    """Add these commands to the command line."""
    app.command(up)
    app.command(down)


def up(*, dir: Path = FOLDER, port: int | None = None, show: Common = Show()) -> int:
    """Start a whole installation here: Postgres, Prefect, two workers, the sandbox, deployments.

    What runs already is left alone, and what is there is kept: run it again after a reboot, a
    crash, or a change of prefect.yaml.

    Parameters
    ----------
    dir
        Folder for data, logs and secrets.
    port
        Of Prefect's UI, 4200 at the first time; 0 takes a free one.
    """

    def command() -> int:
        from birthcert.installation.up import bring_up

        with bring_up(dir, port) as (installing, installation):
            environment = installing.servers()
            # read when Prefect is imported
            os.environ.update(environment)
            from blocks.server import make_pool, register, save_missing_accounts

            register()
            save_missing_accounts(installing.tenants())
            make_pool()
            installing.deployments(environment)
        console.print_facts(
            "Up",
            {
                "UI": installation.url,
                "log in with": f"PREFECT_API_AUTH_STRING in {dir / 'environment'}",
                "a shell": f". {dir / 'environment'}",
                "logs": dir / "logs",
                "end it": "birthcert down" if dir == FOLDER else f"birthcert down --dir {dir}",
            },
        )
        return console.DONE

    return console.run_command(command, debug=show.debug)


def down(*, dir: Path = FOLDER, show: Common = Show()) -> int:
    """End what `birthcert up` started, and nothing else; data and secrets stay.

    Parameters
    ----------
    dir
        The folder given to `up`.
    """

    def command() -> int:
        from birthcert.installation.down import take_down

        ran = take_down(dir)
        console.out.print(f"ended: {', '.join(ran)}" if ran else "nothing ran", markup=False)
        return console.DONE

    return console.run_command(command, debug=show.debug)
