"""Rows for the store's tests: through stage and apply, or one in every table there is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import pyarrow as pa
import pytest
from sqlalchemy import Connection, Date, DateTime, SmallInteger, Table, Time, create_engine, insert, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.embedded.postgres import EmbeddedPostgres
from hub.records import RECORDS, Stream, arrow_schema
from hub.store.apply import ApplyResult, apply_stream
from hub.store.dump import canonical_dump
from hub.store.engine import make_engine, scope
from hub.store.provision import provision
from hub.store.roles import Role
from hub.store.staging import CheckedRows, stage
from hub.store.tables import STREAM_TABLES, metadata

NIGHT = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Rows:
    """Rows as the checks hand them on."""

    table: pa.Table
    lines: pa.Array | None
    file: str | None


class Landlord:
    """One landlord's canonical data: nights are applied to it, and looked at.

    In a transaction of the test's own (a savepoint a night, all rolled back in the end), or committing.
    """

    def __init__(self, name: str, *, inside: AsyncConnection | None = None, engine: AsyncEngine | None = None) -> None:
        self.name = name
        self.inside = inside
        self.engine = engine
        self.run = 0

    @asynccontextmanager
    async def scope(self) -> AsyncIterator[AsyncConnection]:
        if self.engine is not None:
            async with scope(self.engine, self.name) as conn:
                yield conn
        elif self.inside is not None:
            async with self.inside.begin_nested():
                await self.inside.execute(text("select set_config('app.landlord', :it, true)"), {"it": self.name})
                yield self.inside

    @staticmethod
    def rows(stream: Stream, *rows: dict[str, Any], file: str | None = "feed.csv") -> Rows:
        """Rows on lines 2, 3, 4… of a file; fields left out are null, or what the record takes by default."""
        record = RECORDS[stream]
        defaults = {name: info.default for name, info in record.model_fields.items() if info.default is not None}
        plain = {name: str(value) if isinstance(value, str) else value for name, value in defaults.items()}
        required = {name for name, info in record.model_fields.items() if info.is_required()}
        filled = [{**{n: v for n, v in plain.items() if n not in required}, **row} for row in rows]
        table = pa.Table.from_pylist(filled, schema=arrow_schema(record))
        return Rows(table, pa.array(range(2, len(rows) + 2), pa.int64()), file)

    async def apply(
        self, stream: Stream, *rows: dict[str, Any], blocks: Sequence[CheckedRows] | None = None, **how: Any
    ) -> ApplyResult:
        """One night of one stream, committed."""
        self.run += 1
        settings = {"mode": "snapshot", "source": "erp", "run_id": self.run, "now": NIGHT, **how}
        async with self.scope() as conn:
            await stage(conn, stream, blocks if blocks is not None else [self.rows(stream, *rows)])
            return await apply_stream(conn, landlord=self.name, stream=stream, **settings)

    async def ask(self, query: str, **values: Any) -> list[Any]:
        """Rows of a query, as tuples (or plain values where there is one column)."""
        async with self.scope() as conn:
            rows = (await conn.execute(text(query), values)).all()
        return [row[0] if len(row) == 1 else tuple(row) for row in rows]

    async def dump(self) -> str:
        async with self.scope() as conn:
            return await canonical_dump(conn)

    async def versions(self) -> list[Any]:
        """Every row version of every canonical table: where it lies and which transaction wrote it."""
        found = []
        for table in (*(table.name for table in STREAM_TABLES.values()), "external_key"):
            found += [(table, *row) for row in await self.ask(f"select ctid::text, xmin::text from {table} order by 1")]
        return found


FIRST_NIGHT: dict[Stream, list[dict[str, Any]]] = {
    Stream.SITES: [
        {"external_id": "B1", "kind": "building", "name": "Bâtiment 1", "parent_ref": "S1"},
        {"external_id": "S1", "kind": "site", "name": "Les Tilleuls", "postal_code": "95000", "city": "Cergy"},
    ],
    Stream.UNITS: [
        {"external_id": "U1", "site_ref": "B1", "kind": "dwelling", "lot_number": "004473", "area_dm2": 6540},
        {"external_id": "U2", "site_ref": "S1", "kind": "garage", "lot_number": "009001"},
    ],
    Stream.PERSONS: [
        {"external_id": "P1", "family_name": "Lefèvre", "given_name": "Zoé", "birth_date": date(1980, 2, 29)},
        {"external_id": "P2", "family_name": 'O"Brien; \\N', "email": "o@example.org"},
    ],
    Stream.CONTRACTS: [
        {"external_id": "C1", "reference": "L/0001", "status": "current", "starts_on": date(2018, 1, 1)},
        {
            "external_id": "C2",
            "reference": "L/0002",
            "status": "ended",
            "starts_on": date(2010, 1, 1),
            "ends_on": date(2017, 12, 31),
            "deposit_cents": 45_000,
        },
    ],
    Stream.CONTRACT_UNITS: [
        {"contract_ref": "C1", "unit_ref": "U1", "is_main": True},
        {"contract_ref": "C1", "unit_ref": "U2", "is_main": False},
    ],
    Stream.PARTIES: [
        {"contract_ref": "C1", "person_ref": "P1", "role": "holder", "is_solidary": True},
        {"contract_ref": "C1", "person_ref": "P2", "role": "co_holder", "is_solidary": False},
    ],
    Stream.PRICE_COMPONENTS: [
        {
            "external_id": "R1",
            "contract_ref": "C1",
            "unit_ref": "U1",
            "kind": "rent",
            "label": "Loyer",
            "amount_cents": 41_050,
        },
    ],
    Stream.ACCOUNTS: [
        {"external_id": "A1", "number": "411001", "kind": "rent", "opening_cents": -1, "balance_cents": 23_857},
        {"external_id": "A2", "number": "411002", "kind": "deposit"},
    ],
    Stream.ACCOUNT_CONTRACTS: [{"account_ref": "A1", "contract_ref": "C1"}],
    Stream.LEDGER_ENTRIES: [
        {
            "external_id": "E1",
            "account_ref": "A1",
            "unit_ref": "U1",
            "posted_on": date(2018, 6, 26),
            "kind": "rent",
            "source_sequence": 3,
            "label": "LOG 004473 06/18",
            "amount_cents": 23_857,
            "erp_code": "LOC",
        },
        {
            "external_id": "E2",
            "account_ref": "A1",
            "posted_on": date(2018, 6, 26),
            "kind": "housing_aid",
            "source_sequence": 4,
            "label": "APL 06/18",
            "amount_cents": -19_195,
        },
    ],
    Stream.RENT_NOTICES: [
        {
            "external_id": "N1",
            "account_ref": "A1",
            "contract_ref": "C1",
            "number": "AE-1",
            "total_cents": 23_857,
            "period_from": date(2018, 6, 1),
            "period_to": date(2018, 6, 30),
            "issued_on": date(2018, 5, 25),
        },
    ],
    Stream.RENT_NOTICE_LINES: [
        {"notice_ref": "N1", "position": 1, "kind": "rent", "label": "Loyer", "amount_cents": 41_050},
        {"notice_ref": "N1", "position": 2, "kind": "housing_aid", "label": "APL", "amount_cents": -17_193},
    ],
    Stream.DOCUMENTS: [
        {
            "external_id": "D1",
            "kind": "rent_notice",
            "contract_ref": "C1",
            "notice_ref": "N1",
            "title": "Avis",
            "dated_on": date(2018, 5, 25),
            "file_name": "AE-1.pdf",
        },
    ],
}


@pytest.fixture
def first_night() -> dict[Stream, list[dict[str, Any]]]:
    """A small landlord: rows for every stream, in the order a night applies them."""
    return {stream: [dict(row) for row in rows] for stream, rows in FIRST_NIGHT.items()}


async def apply_first_night(landlord: Landlord) -> Landlord:
    for stream, rows in FIRST_NIGHT.items():
        result = await landlord.apply(stream, *rows)
        assert (result.added, result.rejects) == (len(rows), [])
    return landlord


# --- a database with something in it ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
async def world_url(pg_server: EmbeddedPostgres) -> str:
    """The base URL of a database where one landlord has had its first night, and two have rows in every table."""
    base = await provision(pg_server.url(), database="store_tests")
    engine = make_engine(base, Role.SYNC)
    await apply_first_night(Landlord("rives-doise", engine=engine))
    await engine.dispose()
    return base


@pytest.fixture
async def transaction(world_url: str) -> AsyncIterator[AsyncConnection]:
    """A connection of `hub_sync` in a transaction that is rolled back."""
    engine = make_engine(world_url, Role.SYNC)
    async with engine.connect() as conn, conn.begin() as transaction:
        yield conn
        await transaction.rollback()
    await engine.dispose()


@pytest.fixture
def housed(transaction: AsyncConnection) -> Landlord:
    """A landlord after its first night."""
    return Landlord("rives-doise", inside=transaction)


@pytest.fixture
def landlord(transaction: AsyncConnection) -> Landlord:
    """A landlord of whom nothing is held."""
    return Landlord("neuve", inside=transaction)


@pytest.fixture
async def committing(fresh_database: Any) -> AsyncIterator[Landlord]:
    """A landlord after its first night whose nights are committed, in a database of the test's own."""
    engine = make_engine(fresh_database.url_for(Role.SYNC), Role.SYNC)
    yield await apply_first_night(Landlord("rives-doise", engine=engine))
    await engine.dispose()


# --- one row in every table -------------------------------------------------------------------------------------------

Row = dict[str, Any]


def made_up_row(table: Table, landlord: str, person: int, made: dict[str, Row]) -> Row:
    """A row of any table: the same for both landlords but for `landlord_id`, its references to the person's others."""
    row: Row = {
        column.name: _value(table, column.name, column.type, person)
        for column in table.columns
        if column.name not in ("parent_id", "missing_since")
    }
    for constraint in table.foreign_key_constraints:
        for element in constraint.elements:
            if element.column.table is not table:
                row[element.parent.name] = made[element.column.table.name][element.column.name]
    return row | {"landlord_id": landlord}


def _value(table: Table, name: str, kind: Any, person: int) -> Any:
    if isinstance(kind, SmallInteger):
        return person
    if isinstance(kind, ARRAY):
        return []
    if isinstance(kind, JSONB):
        return {"of": person}
    if isinstance(kind, DateTime):
        return NIGHT
    if isinstance(kind, Date):
        return NIGHT.date()
    if isinstance(kind, Time):
        return time(8, person)
    if name == "object_type":
        return ("site", "person")[person - 1]
    plain = {str: f"{name} {person}", int: 1000 + person, bool: True, bytes: bytes([person])}
    if kind.python_type is UUID:
        other = name.removesuffix("_id")  # of a table, without a foreign key: the person's row there
        named = f"{other} id" if other in metadata.tables else f"{table.name} {name}"
        return uuid5(NAMESPACE_OID, f"{named} {person}")
    return {"state": "ready", "role": "holder"}.get(name, plain[kind.python_type])


@dataclass(frozen=True)
class Probed:
    """A database in which two landlords with two persons each have a row in every table."""

    url: str
    rows: dict[tuple[str, int], dict[str, Row]]


@pytest.fixture(scope="session")
def probed(pg_server: EmbeddedPostgres, world_url: str) -> Probed:
    rows: dict[tuple[str, int], dict[str, Row]] = {}
    engine = create_engine(pg_server.url("store_tests", Role.SYNC))
    for landlord in ("aubes", "brise"):
        with engine.begin() as conn:
            conn.execute(text("select set_config('app.landlord', :landlord, true)"), {"landlord": landlord})
            for person in (1, 2):
                rows[landlord, person] = _in_every_table(conn, landlord, person)
    engine.dispose()
    return Probed(world_url, rows)


def _in_every_table(conn: Connection, landlord: str, person: int) -> dict[str, Row]:
    made: dict[str, Row] = {}
    for table in metadata.sorted_tables:
        made[table.name] = made_up_row(table, landlord, person, made)
        if person == 1 or [column.name for column in table.primary_key] != ["landlord_id"]:  # one row a landlord
            conn.execute(insert(table).inline(), made[table.name])
    return made
