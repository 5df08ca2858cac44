"""The canonical tables, derived from the records: a stream's fields are its table's columns, references become hub ids.

Objects other things hang on (anchors) are found through `external_key`, so that a landlord can change its ERP and keep
them; the other rows carry their connector (`source`) and external id themselves. `changed_run` is the run that last
changed the row; `missing_since` the first good snapshot it was absent from.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Index, Table, Text, Uuid
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

from hub.records import RECORDS, CanonicalRecord, FieldSpec, Stream, field_specs
from hub.store.tables.base import ANYONE, landlord_table, refers, unique

_TYPES: dict[str, type[TypeEngine[Any]]] = {
    "text": Text,
    "enum": Text,
    "cents": BigInteger,
    "int": BigInteger,
    "date": Date,
    "bool": Boolean,
}

# The contracts of the session, set once per transaction; evaluated once per statement.
# A policy's `in (select …)` is not turned into a join: it would be read whole and the table behind it scanned. So what
# a session has few of (accounts, units, people) is an array, which an index can use, and what hangs on these is looked
# up by its key: with 180,000 notices a page takes 3 ms instead of 150.
_MY_CONTRACTS = "any ((select nullif(current_setting('app.contracts', true), '')::uuid[])::uuid[])"
MY_ACCOUNTS = "any (array(select ac.account_id from account_contract ac))"
_OF_MY_NOTICE = "exists (select from rent_notice n where n.landlord_id = {0}.landlord_id and n.id = {0}.notice_id)"

_NAMES: dict[Stream, tuple[str, str]] = {
    Stream.SITES: ("site", ANYONE),
    Stream.UNITS: ("unit", "id = any (array(select cu.unit_id from contract_unit cu))"),
    Stream.PERSONS: ("person", "id = any (array(select p.person_id from party p))"),
    Stream.CONTRACTS: ("contract", f"id = {_MY_CONTRACTS}"),
    Stream.CONTRACT_UNITS: ("contract_unit", f"contract_id = {_MY_CONTRACTS}"),
    Stream.PARTIES: ("party", f"contract_id = {_MY_CONTRACTS}"),
    Stream.PRICE_COMPONENTS: ("price_component", f"contract_id = {_MY_CONTRACTS}"),
    Stream.ACCOUNTS: ("account", f"id = {MY_ACCOUNTS}"),
    Stream.ACCOUNT_CONTRACTS: ("account_contract", f"contract_id = {_MY_CONTRACTS}"),
    Stream.LEDGER_ENTRIES: ("ledger_entry", f"account_id = {MY_ACCOUNTS}"),
    Stream.RENT_NOTICES: ("rent_notice", f"account_id = {MY_ACCOUNTS}"),
    Stream.RENT_NOTICE_LINES: ("rent_notice_line", _OF_MY_NOTICE.format("rent_notice_line")),
    Stream.DOCUMENTS: (
        "document",
        f"contract_id = {_MY_CONTRACTS} or {_OF_MY_NOTICE.format('document')}",
    ),
}

_INDEXES: dict[Stream, tuple[tuple[str, ...], ...]] = {
    Stream.UNITS: (("site_id",),),
    Stream.CONTRACTS: (("reference",),),
    Stream.CONTRACT_UNITS: (("unit_id",),),
    Stream.PARTIES: (("person_id",),),
    Stream.PRICE_COMPONENTS: (("contract_id",),),
    Stream.ACCOUNT_CONTRACTS: (("contract_id",),),
    Stream.LEDGER_ENTRIES: (("account_id", "posted_on", "source_sequence", "id"),),
    Stream.RENT_NOTICES: (("account_id", "period_from", "id"), ("contract_id", "period_from", "id")),
    Stream.DOCUMENTS: (("contract_id", "dated_on", "id"), ("notice_id",)),
}


_OWN_COLUMNS: dict[Stream, tuple[str, ...]] = {Stream.CONTRACTS: ("closed_at",)}
"""Instants the hub notes of a row by itself: `closed_at`, when a second good snapshot lacked the contract too."""


def id_column(name: str) -> str:
    """`account_ref` → `account_id`."""
    return name.removesuffix("_ref") + "_id"


def stored_name(spec: FieldSpec) -> str:
    """The column a field is kept in."""
    return id_column(spec.name) if spec.column.refers else spec.name


def _column(spec: FieldSpec) -> Column[object]:
    kind: type[TypeEngine[Any]] = Uuid if spec.column.refers else _TYPES[spec.column.type]
    needed = spec.required or spec.default is not None
    return Column(stored_name(spec), kind, nullable=not needed)


def _identity(record: type[CanonicalRecord]) -> list[SchemaItem]:
    """What makes a row of a stream unique, beyond its id."""
    if record.anchor:
        return []
    by_name = {spec.name: spec for spec in field_specs(record)}
    columns = [stored_name(by_name[name]) for name in record.key]
    return [unique("source", *columns) if columns == ["external_id"] else unique(*columns)]


def _references(record: type[CanonicalRecord]) -> list[SchemaItem]:
    return [refers([stored_name(spec)], spec.column.refers) for spec in field_specs(record) if spec.column.refers]


def _make(record: type[CanonicalRecord]) -> Table:
    name, person = _NAMES[record.stream]
    fields = [spec for spec in field_specs(record) if not (record.anchor and spec.name == "external_id")]
    indexes = [Index(None, "landlord_id", *columns) for columns in _INDEXES.get(record.stream, ())]
    return landlord_table(
        name,
        Column("id", Uuid, nullable=False),
        Column("source", Text, nullable=False),
        *(_column(spec) for spec in fields),
        Column("changed_run", BigInteger, nullable=False),
        Column("missing_since", DateTime(timezone=True)),
        *(Column(own, DateTime(timezone=True)) for own in _OWN_COLUMNS.get(record.stream, ())),
        *_identity(record),
        *_references(record),
        *indexes,
        key=("id",),
        person=person,
        comment=(record.__doc__ or "").strip().splitlines()[0],
    )


external_key = landlord_table(
    "external_key",
    Column("source", Text, nullable=False),
    Column("object_type", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("object_id", Uuid, nullable=False),
    Index(None, "landlord_id", "object_type", "object_id"),
    key=("source", "object_type", "external_id"),
    person="object_type = 'site'",  # contact points name sites by the ERP's code
    comment="Which object of ours an external id of a connector means; several ids may mean one object.",
)

STREAM_TABLES: dict[Stream, Table] = {stream: _make(record) for stream, record in RECORDS.items()}


def table_of(stream: Stream) -> Table:
    """The table a stream is applied to."""
    return STREAM_TABLES[stream]
