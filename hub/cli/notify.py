"""`housing-hub notify`: try the ways people are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from hub.cli.exits import Exit
from hub.cli.operate import AsJson, Landlord

if TYPE_CHECKING:
    from hub.bootstrap import OperatorParts


def register(app: typer.Typer) -> None:
    """Add the commands about telling people."""
    group = typer.Typer(help="Who is told of bad nights, and whether it reaches them.", no_args_is_help=True)
    app.add_typer(group, name="notify")
    group.callback()(_about)
    group.command("test")(notify_test)


def _about() -> None:
    """Who is told of bad nights, and whether it reaches them."""


def notify_test(landlord: Landlord, json: AsJson = False) -> None:
    """Send a test message to everyone the landlord's file names, and say what happened."""
    from hub.cli.output import print_json
    from hub.cli.with_parts import run_with_parts

    async def send(parts: OperatorParts) -> list[tuple[str, bool, str]]:
        from hub.bootstrap import build_telling
        from hub.telling.send import send_test

        return await send_test(build_telling(parts.settings, parts.sync), landlord)

    told = run_with_parts(send)
    if json:
        print_json([{"name": name, "sent": sent, "detail": detail} for name, sent, detail in told])
    else:
        _print(told)
    if not all(sent for _, sent, _ in told):
        raise typer.Exit(Exit.FAILED)


def _print(told: list[tuple[str, bool, str]]) -> None:
    from rich.markup import escape

    from hub.cli.output import console

    for name, sent, detail in told:
        mark = "[green]✓[/green]" if sent else "[red]✗[/red]"
        console.print(f"  {escape(name):<24}{mark} {escape(detail)}", soft_wrap=True)
