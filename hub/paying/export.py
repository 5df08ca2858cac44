"""Remittances as a table for the landlord's accountants: CSV a French spreadsheet opens, in which nothing is a formula.

`;` between cells, decimal comma, CRLF. Cells of text that would be read as a formula begin with an apostrophe; amounts
stay numbers.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any, Final, Literal

from hub.domain.money import to_decimal
from hub.paying.parts import PayingParts
from hub.paying.reconcile import LineStory, RemittanceStory, named_remittance, stories
from hub.services.known_landlords import landlord_slugs
from hub.store.engine import scope
from hub.store.settlement_rows import SettlementRow, list_settlements

Dates = Literal["iso", "fr"]
BOM: Final = "\ufeff"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_PLAIN_AMOUNT: Final = re.compile(r"-?\d{1,15}(?:,\d{1,2})?")
_Cell = Callable[[RemittanceStory, LineStory], Any]
_COLUMNS: Final[dict[str, _Cell]] = {
    "provider": lambda remittance, line: remittance.row.provider,
    "remittance": lambda remittance, line: remittance.row.ref,
    "paid_on": lambda remittance, line: remittance.row.paid_on,
    "line": lambda remittance, line: str(line.row.line),
    "kind": lambda remittance, line: line.row.kind,
    "state": lambda remittance, line: line.row.state,
    "gross": lambda remittance, line: line.row.gross_cents,
    "fee": lambda remittance, line: line.row.fee_cents,
    "net": lambda remittance, line: line.row.gross_cents - line.row.fee_cents,
    "currency": lambda remittance, line: remittance.row.currency,
    "occurred_on": lambda remittance, line: line.row.occurred_on,
    "payment": lambda remittance, line: line.payment or line.row.reference,
    "transaction": lambda remittance, line: line.row.transaction,
    "accounts": lambda remittance, line: " ".join(line.facts.accounts),
    "contracts": lambda remittance, line: " ".join(line.facts.contracts),
    "reason": lambda remittance, line: line.row.reason,
    "assigned_by": lambda remittance, line: line.row.assigned_by,
    "note": lambda remittance, line: line.row.note,
    "remittance_net": lambda remittance, line: remittance.row.net_cents,
    "remittance_difference": lambda remittance, line: remittance.row.difference_cents,
}
COLUMNS: Final = tuple(_COLUMNS)


async def collect(
    parts: PayingParts,
    landlord: str,
    *,
    ref: str | None = None,
    provider: str | None = None,
    since: date | None = None,
    until: date | None = None,
) -> list[RemittanceStory]:
    """The remittances to export, oldest first: one, or those paid out between two days. Raises NotFoundError."""
    await landlord_slugs(parts.engine, landlord)
    async with scope(parts.engine, landlord, readonly=True) as conn:
        if ref is not None:
            rows: list[SettlementRow] = [await named_remittance(conn, landlord, ref, provider)]
        else:
            rows = await list_settlements(conn, provider=provider, since=since, until=until, limit=10_000)
        return await stories(conn, rows[::-1])


def as_csv(found: Iterable[RemittanceStory], *, dates: Dates = "iso", bom: bool = False) -> str:
    """One line a line of a remittance, under the names of `COLUMNS`."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(found, dates))
    return (BOM if bom else "") + out.getvalue()


def safe(text: str) -> str:
    """A cell of text a spreadsheet takes for text: never a formula."""
    return f"'{text}" if text.startswith(_FORMULA) and not _PLAIN_AMOUNT.fullmatch(text) else text


def _rows(found: Iterable[RemittanceStory], dates: Dates) -> Iterator[list[str]]:
    for remittance in found:
        for line in remittance.lines:
            yield [_shown(cell(remittance, line), dates) for cell in _COLUMNS.values()]


def _shown(value: object, dates: Dates) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return str(to_decimal(value)).replace(".", ",")
    if isinstance(value, date):
        return value.isoformat() if dates == "iso" else f"{value:%d/%m/%Y}"
    return safe(str(value))
