"""The reconciliation as an operator sees it: remittances with their lines, what is still open, what is in suspense."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from hub.config import LandlordConfig
from hub.errors import InvalidAskError, NotFoundError, NotSupportedError
from hub.paying.parts import PayingParts, abilities
from hub.paying.settle import Read, read_settlements
from hub.services.known_landlords import landlord_slugs
from hub.store.engine import scope
from hub.store.handles import Connection
from hub.store.open_items import OpenItem, open_items
from hub.store.payment_search import Facts, facts_of, references_of
from hub.store.settlement_rows import (
    LineRow,
    SettlementRow,
    Sums,
    find_settlements,
    lines_in_suspense,
    lines_of,
    list_settlements,
    settlements_by_id,
    sums_of,
)


@dataclass(frozen=True, slots=True)
class Remittance:
    """A remittance and what its lines add up to."""

    row: SettlementRow
    sums: Sums


@dataclass(frozen=True, slots=True)
class LineStory:
    """A line, the reference of the payment it is of, and the accounts and contracts of that payment."""

    row: LineRow
    payment: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class RemittanceStory:
    """A remittance with every line."""

    row: SettlementRow
    sums: Sums
    lines: tuple[LineStory, ...]


@dataclass(frozen=True, slots=True)
class Aged:
    """An open item, and since how many whole days."""

    item: OpenItem
    days: int


@dataclass(frozen=True, slots=True)
class OpenReport:
    """What no remittance holds, oldest first. `compared`: the providers that give remittances; `silent`: the others."""

    items: tuple[Aged, ...]
    compared: tuple[str, ...]
    silent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suspended:
    """A line nobody could be found for, with the remittance it stands in."""

    remittance: SettlementRow
    line: LineRow


async def remittances(
    parts: PayingParts,
    landlord: str,
    *,
    provider: str | None = None,
    since: date | None = None,
    until: date | None = None,
    limit: int = 50,
) -> list[Remittance]:
    """Remittances, the latest first. Raises NotFoundError for an unknown landlord."""
    await landlord_slugs(parts.engine, landlord)
    async with scope(parts.engine, landlord, readonly=True) as conn:
        rows = await list_settlements(conn, provider=provider, since=since, until=until, limit=limit)
        sums = await sums_of(conn, [row.id for row in rows])
    return [Remittance(row, sums.get(row.id, Sums())) for row in rows]


async def remittance_story(
    parts: PayingParts, landlord: str, ref: str, *, provider: str | None = None
) -> RemittanceStory:
    """One remittance, line by line. Raises NotFoundError; InvalidAskError where two providers use the name."""
    async with scope(parts.engine, landlord, readonly=True) as conn:
        row = await named_remittance(conn, landlord, ref, provider)
        return (await stories(conn, [row]))[0]


async def stories(conn: Connection, rows: Sequence[SettlementRow]) -> list[RemittanceStory]:
    """Remittances with their lines."""
    sums = await sums_of(conn, [row.id for row in rows])
    lines = {row.id: await lines_of(conn, row.id) for row in rows}
    ids = list({line.payment_id for found in lines.values() for line in found if line.payment_id})
    names, facts = await references_of(conn, ids), await facts_of(conn, ids)
    return [
        RemittanceStory(row, sums.get(row.id, Sums()), tuple(_line(one, names, facts) for one in lines[row.id]))
        for row in rows
    ]


async def named_remittance(conn: Connection, landlord: str, ref: str, provider: str | None) -> SettlementRow:
    """A remittance by its provider's name of it. Raises as `remittance_story`."""
    found = await find_settlements(conn, ref, provider=provider)
    if not found:
        raise NotFoundError(f"{landlord} has no remittance {ref}", hint=f"`housing-hub settlements list {landlord}`")
    if len(found) > 1:
        names = ", ".join(one.provider for one in found)
        raise InvalidAskError(f"several providers have a remittance {ref}", hint=f"name one with --provider: {names}")
    return found[0]


async def open_report(parts: PayingParts, landlord: str, *, days: int, provider: str | None = None) -> OpenReport:
    """Money that came, or went back, more than `days` days ago and that no remittance holds. Raises NotFoundError."""
    config, now = await parts.config(landlord), parts.clock.now()
    names = _providers(config.providers, landlord, provider)
    settling = tuple(_settling(config, names))
    async with scope(parts.engine, landlord, readonly=True) as conn:
        found = await open_items(conn, providers=settling, before=now - timedelta(days=days))
    aged = tuple(Aged(one, _age(one.since, now)) for one in found)
    return OpenReport(aged, settling, tuple(one for one in names if one not in settling))


async def read_now(parts: PayingParts, landlord: str, *, provider: str | None = None) -> dict[str, Read]:
    """Read the remittances of a provider, or of all that give any, now. Gives what came, by provider.

    Raises NotFoundError for an unknown provider, NotSupportedError where none gives remittances.
    """
    config = await parts.config(landlord)
    names = _providers(config.providers, landlord, provider)
    settling = _settling(config, names)
    if not settling:
        raise NotSupportedError(
            f"{provider} gives no remittances" if provider else f"no provider of {landlord} gives remittances",
            hint="compare the bank statement by hand",
        )
    return {one: await read_settlements(parts, config, one) for one in settling}


async def suspense(parts: PayingParts, landlord: str, *, limit: int = 200) -> list[Suspended]:
    """Lines that wait for a person, oldest remittance first. Raises NotFoundError for an unknown landlord."""
    await landlord_slugs(parts.engine, landlord)
    async with scope(parts.engine, landlord, readonly=True) as conn:
        lines = await lines_in_suspense(conn, limit=limit)
        rows = await settlements_by_id(conn, {line.settlement_id for line in lines})
    found = [Suspended(rows[line.settlement_id], line) for line in lines]
    return sorted(found, key=lambda one: (one.remittance.paid_on, one.remittance.ref, one.line.line))


def _providers(known: Collection[str], landlord: str, named: str | None) -> list[str]:
    if named is not None and named not in known:
        raise NotFoundError(f"{landlord} has no provider {named}", hint=f"known are {', '.join(known) or 'none'}")
    return [named] if named is not None else list(known)


def _settling(config: LandlordConfig, names: Sequence[str]) -> list[str]:
    able = {name: abilities(config, name) for name in names}
    return [name for name, one in able.items() if one is not None and one.settles]


def _age(since: datetime, now: datetime) -> int:
    return (now - since).days


def _line(row: LineRow, names: dict[UUID, str], facts: dict[UUID, Facts]) -> LineStory:
    if row.payment_id is None:
        return LineStory(row, "", Facts())
    return LineStory(row, names.get(row.payment_id, ""), facts.get(row.payment_id, Facts()))
