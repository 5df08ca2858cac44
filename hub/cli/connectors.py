"""`housing-hub connectors`: which ERPs answer, which are left alone and until when, and trying one at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hub.bootstrap import OperatorParts
    from hub.store.breaker_rows import ConnectorRow

_COLUMNS = ("landlord", "connector", "state", "failures", "last_error", "next_try", "max_at_once", "running", "waiting")


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="The landlords' ERPs: which answer, which are left alone.", no_args_is_help=True)
    app.add_typer(group, name="connectors")
    group.command("list")(connectors_list)
    group.command("reset")(connectors_reset)


def connectors_list(
    landlord: Annotated[str | None, typer.Argument(help="The landlord's slug; all if none is named.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Each connector with its breaker, its next try (UTC), and the jobs that use it or wait for it."""
    from hub.cli.output import print_rows
    from hub.cli.with_parts import run_with_parts
    from hub.services.connectors import read_connectors

    async def find(parts: OperatorParts) -> list[tuple[str, ConnectorRow]]:
        return await read_connectors(parts.sync.engine, landlord)

    rows = [_plain(slug, row) for slug, row in run_with_parts(find)]
    print_rows(rows, _COLUMNS, as_json=json, empty="no landlord has a connector: housing-hub apply landlords/….toml")


def connectors_reset(
    landlord: Annotated[str, typer.Argument(help="The landlord's slug.", show_default=False)],
    connector: Annotated[str, typer.Argument(help="The connector's name.", show_default=False)],
) -> None:
    """Close a breaker by hand: what waits for the ERP begins at once."""
    from hub.cli.output import console
    from hub.cli.with_parts import run_with_parts
    from hub.services.connectors import reset_connector

    async def reset(parts: OperatorParts) -> int:
        own = parts.sync
        return await reset_connector(own.engine, own.clock, parts.bell, landlord, connector)

    woken = run_with_parts(reset)
    console.print(f"{connector} of {landlord} may be called again; {woken} waiting jobs begin now", soft_wrap=True)


def _plain(landlord: str, row: ConnectorRow) -> dict[str, Any]:
    held = row.breaker
    return {
        "landlord": landlord,
        "connector": row.connector,
        "state": held.state.replace("_", " "),
        "failures": held.failures,
        "last_error": held.last_error_code,
        "since": held.opened_at,
        "next_try": held.open_until if held.state == "open" else None,
        "max_at_once": row.max_at_once,
        "running": row.running,
        "waiting": row.waiting,
    }
