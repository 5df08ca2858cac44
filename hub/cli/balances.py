"""`housing-hub balances`: accounts whose balance in the ERP is not what their entries add up to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hub.bootstrap import OperatorParts
    from hub.store.balance_rows import Difference

_COLUMNS = ("account", "balance_on", "of_record", "summed", "difference", "ledger_as_of", "incomplete")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("balances")(balances)


def balances(
    landlord: Annotated[str, typer.Argument(help="The landlord's slug.", show_default=False)],
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=100_000)] = 50,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Accounts that differ from the ERP's own balance, compared at its day; the largest differences first."""
    from hub.cli.output import print_rows
    from hub.cli.with_parts import run_with_parts
    from hub.services.balances import find_balance_differences

    async def find(parts: OperatorParts) -> list[Difference]:
        return await find_balance_differences(parts.sync.engine, landlord, limit=limit)

    rows = [_plain(one) for one in run_with_parts(find)]
    print_rows(rows, _COLUMNS, as_json=json, empty=f"the balances of {landlord} are what the entries add up to")


def _plain(one: Difference) -> dict[str, Any]:
    from hub.domain.money import to_decimal

    return {
        "account": one.account,
        "number": one.number,
        "balance_on": one.balance_on,
        "of_record": to_decimal(one.of_record_cents),
        "summed": to_decimal(one.summed_cents),
        "difference": to_decimal(one.difference_cents),
        "ledger_as_of": one.ledger_as_of,
        "incomplete": one.incomplete,
    }
