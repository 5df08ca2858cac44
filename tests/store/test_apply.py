"""Stage and apply: every stream, only differences, nothing deleted, every refusal with its place."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from hub.errors import InputRefusedError
from hub.records import RECORDS, Stream
from hub.store.apply import ApplyResult

Night = dict[Stream, list[dict[str, Any]]]


@pytest.mark.parametrize("stream", list(Stream))
async def test_an_unchanged_snapshot_writes_no_row_version(housed: Any, first_night: Night, stream: Stream) -> None:
    before = await housed.versions()
    result = await housed.apply(stream, *first_night[stream])
    assert result == ApplyResult(unchanged=len(first_night[stream]))
    assert await housed.versions() == before


async def test_a_second_identical_night_changes_nothing_committed(committing: Any, first_night: Night) -> None:
    dump, versions = await committing.dump(), await committing.versions()
    assert dump.count("\n") == len(versions) == 22 + 12  # rows, and external keys of the objects among them
    for stream, rows in first_night.items():
        await committing.apply(stream, *reversed(rows))
    assert (await committing.dump(), await committing.versions()) == (dump, versions)


async def test_ten_nights_on_one_connection_are_alike(committing: Any, first_night: Night) -> None:
    """From the fifth time on the driver prepares a statement, whose temporary tables are others by then."""
    for night in range(10):
        sites = [{**row, "city": f"Cergy {night}"} for row in first_night[Stream.SITES]]
        assert await committing.apply(Stream.SITES, *sites) == ApplyResult(changed=2)
        parties = await committing.apply(Stream.PARTIES, *first_night[Stream.PARTIES][night % 2 :])
        assert (parties.unchanged + parties.returned, parties.missing) == (2 - night % 2, night % 2)


CHANGES: dict[Stream, dict[str, Any]] = {
    Stream.SITES: {"name": "Bâtiment A"},
    Stream.UNITS: {"site_ref": "S1"},
    Stream.PERSONS: {"phone": "01 99 00 00 01"},
    Stream.CONTRACTS: {"ends_on": date(2027, 1, 31)},
    Stream.CONTRACT_UNITS: {"from_on": date(2018, 1, 1)},
    Stream.PARTIES: {"is_solidary": False},
    Stream.PRICE_COMPONENTS: {"unit_ref": None},
    Stream.ACCOUNTS: {"balance_cents": None},
    Stream.ACCOUNT_CONTRACTS: {},
    Stream.LEDGER_ENTRIES: {"amount_cents": 23_858},
    Stream.RENT_NOTICES: {"due_on": date(2018, 6, 5)},
    Stream.RENT_NOTICE_LINES: {"label": "Loyer principal"},
    Stream.DOCUMENTS: {"contract_ref": None},
}


@pytest.mark.parametrize("stream", [stream for stream, change in CHANGES.items() if change])
async def test_a_change_writes_that_row_only(housed: Any, first_night: Night, stream: Stream) -> None:
    before = set(await housed.versions())
    rows = [{**first_night[stream][0], **CHANGES[stream]}, *first_night[stream][1:]]
    result = await housed.apply(stream, *rows)
    assert result == ApplyResult(changed=1, unchanged=len(rows) - 1)
    assert len(set(await housed.versions()) - before) == 1
    again = await housed.apply(stream, *rows)
    assert again == ApplyResult(unchanged=len(rows))


async def test_a_changed_row_carries_the_run_and_the_new_values(housed: Any, first_night: Night) -> None:
    entries = first_night[Stream.LEDGER_ENTRIES]
    await housed.apply(Stream.LEDGER_ENTRIES, {**entries[0], "label": "LOG corrigé"}, entries[1], run_id=77)
    found = await housed.ask("select external_id, label, changed_run = 77 from ledger_entry order by 1")
    assert found == [("E1", "LOG corrigé", True), ("E2", "APL 06/18", False)]


@pytest.mark.parametrize("stream", [Stream.ACCOUNTS, Stream.PARTIES, Stream.LEDGER_ENTRIES, Stream.RENT_NOTICE_LINES])
async def test_an_absent_row_is_marked_once_and_comes_back(housed: Any, first_night: Night, stream: Stream) -> None:
    first, second = first_night[stream]
    assert await housed.apply(stream, first) == ApplyResult(unchanged=1, missing=1)
    marked = await housed.versions()
    later = await housed.apply(stream, first, now=None)
    assert later == ApplyResult(unchanged=1)
    assert await housed.versions() == marked
    assert await housed.apply(stream, first, second) == ApplyResult(unchanged=1, returned=1)
    assert await housed.ask(f"select count(*) from {_table(stream)} where missing_since is not null") == [0]


async def test_an_absent_contract_is_marked_then_closed_once_each_and_comes_back(
    housed: Any, first_night: Night
) -> None:
    closed = "select count(*) from contract where closed_at is not null"
    first, second = first_night[Stream.CONTRACTS]
    assert await housed.apply(Stream.CONTRACTS, first, run_id=11) == ApplyResult(unchanged=1, missing=1)
    assert await housed.ask(closed) == [0]
    assert await housed.apply(Stream.CONTRACTS, first, run_id=12) == ApplyResult(unchanged=1)
    assert await housed.ask(closed) == [1]
    seen = await housed.versions()
    assert await housed.apply(Stream.CONTRACTS, first, run_id=13) == ApplyResult(unchanged=1)
    assert await housed.versions() == seen
    assert await housed.apply(Stream.CONTRACTS, first, second, run_id=14) == ApplyResult(unchanged=1, returned=1)
    assert await housed.ask(closed) == [0]


async def test_an_incomplete_snapshot_closes_nothing(housed: Any, first_night: Night) -> None:
    first, _ = first_night[Stream.CONTRACTS]
    await housed.apply(Stream.CONTRACTS, first, run_id=11)
    await housed.apply(Stream.CONTRACTS, first, run_id=12, complete=False)
    assert await housed.ask("select count(*) from contract where closed_at is not null") == [0]


async def test_a_returning_row_takes_its_new_values(housed: Any, first_night: Night) -> None:
    first, second = first_night[Stream.CONTRACTS]
    await housed.apply(Stream.CONTRACTS, first)
    result = await housed.apply(Stream.CONTRACTS, first, {**second, "customer_ref": "K9"})
    assert result == ApplyResult(unchanged=1, returned=1)
    assert await housed.ask("select customer_ref from contract where reference = 'L/0002'") == ["K9"]


async def test_a_delta_says_nothing_about_absent_rows(housed: Any, first_night: Night) -> None:
    entry = {**first_night[Stream.LEDGER_ENTRIES][0], "external_id": "E3"}
    assert await housed.apply(Stream.LEDGER_ENTRIES, entry, mode="delta") == ApplyResult(added=1)
    assert await housed.apply(Stream.LEDGER_ENTRIES, mode="delta") == ApplyResult()
    assert await housed.ask("select count(*) from ledger_entry where missing_since is null") == [3]


async def test_an_incomplete_snapshot_marks_nothing_missing(housed: Any, first_night: Night) -> None:
    result = await housed.apply(Stream.CONTRACTS, first_night[Stream.CONTRACTS][0], complete=False)
    assert result == ApplyResult(unchanged=1)


async def test_an_empty_snapshot_is_refused_where_rows_are_held(housed: Any) -> None:
    before = await housed.versions()
    with pytest.raises(InputRefusedError, match="rives-doise: the snapshot of contracts is empty"):
        await housed.apply(Stream.CONTRACTS)
    assert await housed.versions() == before


async def test_an_empty_snapshot_of_nothing_is_nothing(landlord: Any) -> None:
    assert await landlord.apply(Stream.DOCUMENTS) == ApplyResult()


async def test_a_snapshot_speaks_for_its_own_connector_only(housed: Any) -> None:
    account = {"external_id": "A1", "number": "old 1", "kind": "other"}
    assert await housed.apply(Stream.ACCOUNTS, account, source="archive") == ApplyResult(added=1)
    assert await housed.ask("select count(*), count(missing_since) from account") == [(3, 0)]


async def test_an_object_known_under_two_keys_is_taken_over_by_the_new_connector(housed: Any) -> None:
    """What `rekey` prepares when a landlord changes its ERP: the object keeps its id."""
    before = await housed.ask("select id from account where number = '411001'")
    await housed.ask(
        """insert into external_key select landlord_id, 'new erp', object_type, 'Z1', object_id
           from external_key where object_type = 'account' and external_id = 'A1' returning 1"""
    )
    result = await housed.apply(
        Stream.ACCOUNTS, {"external_id": "Z1", "number": "9-411001", "kind": "rent"}, source="new erp"
    )
    assert result == ApplyResult(changed=1)
    assert await housed.ask("select id, source from account where number = '9-411001'") == [(before[0], "new erp")]


# --- references -------------------------------------------------------------------------------------------------------


REFERENCES = [
    (stream, name, info)
    for stream, record in RECORDS.items()
    for name, info in record.model_fields.items()
    if name.endswith("_ref") and name not in ("customer_ref", "document_ref", "payment_ref")
]


@pytest.mark.parametrize(("stream", "field"), [(stream, name) for stream, name, _ in REFERENCES])
async def test_an_unknown_reference_is_refused_with_its_place(
    housed: Any, first_night: Night, stream: Stream, field: str
) -> None:
    first, *others = first_night[stream]
    stranger = {**first, field: "X9"} if field in RECORDS[stream].key else {**first, "external_id": "new", field: "X9"}
    result = await housed.apply(stream, *others, stranger, first)
    (reject,) = result.rejects
    assert (reject.code, reject.field, reject.file, reject.excerpt) == ("UNKNOWN_REFERENCE", field, "feed.csv", "X9")
    assert reject.line == 2 + len(others)
    assert '"X9" is known: it comes from feed ' in reject.message
    assert (result.added, result.changed, result.missing, result.unchanged) == (0, 0, 0, len(others) + 1)


async def test_a_refused_row_keeps_what_is_held_of_it_unmarked(housed: Any, first_night: Night) -> None:
    before = await housed.dump()
    entries = first_night[Stream.LEDGER_ENTRIES]
    result = await housed.apply(Stream.LEDGER_ENTRIES, {**entries[0], "account_ref": "A9"}, entries[1])
    assert (result.unchanged, result.missing, len(result.rejects)) == (1, 0, 1)
    assert await housed.dump() == before


async def test_a_reference_into_another_landlord_is_unknown(housed: Any, landlord: Any) -> None:
    result = await landlord.apply(Stream.ACCOUNT_CONTRACTS, {"account_ref": "A1", "contract_ref": "C1"})
    assert [reject.field for reject in result.rejects] == ["account_ref"]
    assert result.added == 0


async def test_what_hangs_on_a_refused_site_is_refused_with_it(landlord: Any) -> None:
    chain = [{"external_id": f"S{n}", "name": "Tour", "parent_ref": f"S{n + 1}"} for n in range(4)]
    result = await landlord.apply(Stream.SITES, *chain, {"external_id": "S9", "name": "Seul"})
    assert [(reject.line, reject.excerpt) for reject in result.rejects] == [(2, "S1"), (3, "S2"), (4, "S3"), (5, "S4")]
    assert await landlord.ask("select name from site") == ["Seul"]
    assert await landlord.ask("select external_id from external_key") == ["S9"]


# --- rows of one key --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", list(Stream))
async def test_identical_copies_of_a_row_count_once(housed: Any, first_night: Night, stream: Stream) -> None:
    rows = first_night[stream]
    assert await housed.apply(stream, *rows, *rows, rows[0]) == ApplyResult(unchanged=len(rows))


async def test_a_snapshot_that_contradicts_itself_is_believed_for_neither_row(housed: Any, first_night: Night) -> None:
    before = await housed.dump()
    first, second = first_night[Stream.CONTRACTS]
    new = {"external_id": "C3", "reference": "L/0003", "status": "current", "starts_on": date(2020, 1, 1)}
    rows = [first, {**new, "due_day": 1}, second, {**first, "status": "ended"}, new]
    result = await housed.apply(Stream.CONTRACTS, *rows)
    assert [(reject.code, reject.line, reject.excerpt) for reject in result.rejects] == [
        ("DUPLICATE_KEY", 2, "C1"),
        ("DUPLICATE_KEY", 3, "C3"),
        ("DUPLICATE_KEY", 5, "C1"),
        ("DUPLICATE_KEY", 6, "C3"),
    ]
    assert (result.added, result.changed, result.unchanged, result.missing) == (0, 0, 1, 0)
    assert await housed.dump() == before


async def test_rows_that_differ_in_nothing_but_null_are_different(housed: Any, first_night: Night) -> None:
    first, second = first_night[Stream.PARTIES]
    result = await housed.apply(Stream.PARTIES, first, {**first, "erp_code": "T"}, second)
    assert [reject.excerpt for reject in result.rejects] == ["C1 / P1 / holder"] * 2


async def test_the_last_row_of_a_key_wins_in_a_delta(housed: Any, first_night: Night) -> None:
    entry = first_night[Stream.LEDGER_ENTRIES][0]
    blocks = [
        housed.rows(Stream.LEDGER_ENTRIES, {**entry, "label": "first"}, {**entry, "label": "second"}, file="2.csv"),
        housed.rows(Stream.LEDGER_ENTRIES, {**entry, "label": "third"}, file="1.csv"),
    ]
    assert await housed.apply(Stream.LEDGER_ENTRIES, blocks=blocks, mode="delta") == ApplyResult(changed=1)
    assert await housed.ask("select label from ledger_entry where external_id = 'E1'") == ["third"]


async def test_two_ids_of_one_object_are_rows_of_one_key(housed: Any, first_night: Night) -> None:
    await housed.ask(
        """insert into external_key select landlord_id, source, object_type, 'A1 bis', object_id
           from external_key where object_type = 'account' and external_id = 'A1' returning 1"""
    )
    first, second = first_night[Stream.ACCOUNTS]
    result = await housed.apply(Stream.ACCOUNTS, first, second, {**first, "external_id": "A1 bis"})
    assert [reject.excerpt for reject in result.rejects] == ["A1", "A1 bis"]


# --- order, size ------------------------------------------------------------------------------------------------------


async def test_rows_that_tie_keep_the_order_of_the_feed(housed: Any, first_night: Night) -> None:
    entry = {**first_night[Stream.LEDGER_ENTRIES][1], "source_sequence": 0}
    rows = [{**entry, "external_id": f"T{n * 7919 % 1000:03}", "label": str(n)} for n in range(1000)]
    await housed.apply(Stream.LEDGER_ENTRIES, *rows, mode="delta")
    found = await housed.ask("select label from ledger_entry where source_sequence = 0 order by posted_on, id")
    assert found == [str(n) for n in range(1000)]


async def test_a_hundred_thousand_entries_arrive_to_the_cent(housed: Any) -> None:
    table = _many_entries(housed, 100_000)
    blocks = [_Block(table.slice(start, 30_000)) for start in range(0, 100_000, 30_000)]
    result = await housed.apply(Stream.LEDGER_ENTRIES, blocks=blocks, mode="delta")
    assert result == ApplyResult(added=100_000)
    assert await housed.ask("select count(*), sum(amount_cents) from ledger_entry where external_id like 'L%'") == [
        (100_000, sum(n % 1000 - 500 for n in range(100_000)))
    ]
    before = await housed.versions()
    changed = table.set_column(table.schema.get_field_index("amount_cents"), "amount_cents", _amounts(100_000, bump=9))
    result = await housed.apply(Stream.LEDGER_ENTRIES, blocks=[_Block(changed.slice(0, 99_000))])
    assert (result.changed, result.unchanged, result.missing) == (11_000, 88_000, 1_002)
    assert len(set(await housed.versions()) - set(before)) == 11_000 + 1_002


class _Block:
    """Rows without a file: what a call source gives."""

    lines = None
    file = None

    def __init__(self, table: pa.Table) -> None:
        self.table = table


def _amounts(count: int, *, bump: int = 0) -> pa.Array:
    return pa.array([n % 1000 - 500 + (1 if bump and n % bump == 0 else 0) for n in range(count)], pa.int64())


def _many_entries(landlord: Any, count: int) -> pa.Table:
    days = [date(2018, 1, 1) + timedelta(days=n % 3000) for n in range(count)]
    one = landlord.rows(
        Stream.LEDGER_ENTRIES,
        {"external_id": "", "account_ref": "A1", "posted_on": days[0], "kind": "rent", "label": "", "amount_cents": 0},
    ).table
    columns = {name: pa.repeat(one[name][0], count) for name in one.column_names}
    columns |= {
        "external_id": pa.array([f"L{n}" for n in range(count)]),
        "unit_ref": pa.array(["U1" if n % 3 else None for n in range(count)]),
        "posted_on": pa.array(days, pa.date32()),
        "label": pa.array([f"LOG 004473 {n}" for n in range(count)]),
        "amount_cents": _amounts(count),
    }
    return pa.table(columns, schema=one.schema)


def _table(stream: Stream) -> str:
    return stream.value.removesuffix("s").replace("partie", "party").replace("entrie", "entry")
