"""After a run that brought accounts or entries: the ERP's own balances beside the entries. A difference is told, and
blocks nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from hub.config import LandlordConfig
from hub.domain.money import to_decimal
from hub.records import Stream
from hub.store.balance_rows import Differences, find_differences
from hub.store.handles import Connection
from hub.store.run_rows import FeedRun, put_feed_run

_TOLD_BY: Final = (Stream.LEDGER_ENTRIES, Stream.ACCOUNTS)
"""Whose report says it, the first that the run has."""


async def compare_balances(
    conn: Connection, config: LandlordConfig, *, run_id: int, reports: dict[str, FeedRun], now: datetime
) -> None:
    """Compare, and note what differs in the report of the feed that brought it."""
    mine = [one for stream in _TOLD_BY for one in reports.values() if one.stream == stream and one.state == "applied"]
    if not mine:
        return
    found = await find_differences(conn, landlord=config.slug, time_zone=config.identity.time_zone, now=now)
    if found.accounts:
        said = _said(found, config.slug)
        note = said if mine[0].note is None else f"{mine[0].note}; {said}"
        reports[mine[0].feed] = replace(mine[0], note=note)
        await put_feed_run(conn, landlord=config.slug, run_id=run_id, report=reports[mine[0].feed])


def _said(found: Differences, landlord: str) -> str:
    accounts = "1 account differs" if found.accounts == 1 else f"{found.accounts:,} accounts differ"
    cents = f"{to_decimal(found.cents):,}"
    return f"{accounts} from the ERP's own balance, by {cents} in all: `housing-hub balances {landlord}`"
