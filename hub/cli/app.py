"""The front of `housing-hub`: collects the commands, and turns an error into a sentence and an exit code."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from hub.cli import (
    balances,
    connectors,
    demo,
    holds,
    notify,
    operate,
    pack,
    payments,
    quarantine,
    rekey,
    sandbox,
    settlements,
    status,
    up,
    versions,
)
from hub.errors import HubError


def build() -> typer.Typer:
    """The application with every command; the commands import what they need when they are called."""
    app = typer.Typer(
        help="One GraphQL tenant API over any social landlord's ERP, payment providers and meter vendors.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    landlords = (operate, status, connectors, balances, holds, quarantine, versions, rekey, pack, payments, settlements)
    for commands in (up, demo, *landlords, sandbox, notify):
        commands.register(app)
    return app


def main() -> None:
    """Run one command. Exits with the codes of `hub.cli.exits`."""
    if sys.argv[1:2] not in (["up"], ["demo"], ["migrate"]):
        up.reach_running_hub()
    try:
        build()()
    except HubError as error:
        _end(error)
    except Exception as error:  # only to tell those of the database
        from hub.store.troubles import explain

        if (known := explain(error)) is None:
            raise
        _end(known)


def _end(error: HubError) -> NoReturn:
    from hub.cli.exits import exit_code
    from hub.cli.output import print_error

    print_error(error)
    sys.exit(exit_code(error))


if __name__ == "__main__":
    main()
