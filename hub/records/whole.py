"""A landlord's whole set of rows looked at together: what contradicts itself, and what is hardly meant.

Tables have a record's Arrow schema with `line` (int64) and `file` (text) added. What is found is a `Reject` of its
stream: of `contradictions` rows that a night would refuse or park, of `oddities` rows it would take.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl
import pyarrow as pa

from hub.domain.kinds import ContractStatus, PartyRoleKind
from hub.domain.money import to_decimal
from hub.records.batch import Reject
from hub.records.fields import FieldSpec, field_specs
from hub.records.streams import RECORDS, Stream

Tables = Mapping[Stream, pa.Table]
Found = tuple[Stream, Reject]
PLACE = ("line", "file")
_BROUGHT_BY = {record.anchor: stream for stream, record in RECORDS.items() if record.anchor}


def contradictions(tables: Tables) -> Iterator[Found]:
    """Rows of one key that differ, and references to nothing. A stream that is not among the tables is not judged."""
    frames = _frames(tables)
    for stream, frame in frames.items():
        yield from ((stream, found) for found in _twins(stream, frame))
    for stream, frame in frames.items():
        for spec in field_specs(RECORDS[stream]):
            target = _BROUGHT_BY[spec.column.refers] if spec.column.refers else None
            if target in frames:
                yield from ((stream, found) for found in _unknown(spec, frame, frames[target]))


def oddities(tables: Tables) -> Iterator[Found]:
    """Contracts in force that nobody holds or that have no unit or account; balances the ledger does not add up to."""
    frames = _frames(tables)
    contracts = frames.get(Stream.CONTRACTS, pl.DataFrame())
    if contracts.height:
        ended = pl.col("status").is_in([ContractStatus.ENDED, ContractStatus.UPCOMING])
        yield from _lonely(contracts.filter(~ended), frames)
    if {Stream.ACCOUNTS, Stream.LEDGER_ENTRIES} <= set(frames):
        yield from _unbalanced(frames[Stream.ACCOUNTS], frames[Stream.LEDGER_ENTRIES])


def _frames(tables: Tables) -> dict[Stream, pl.DataFrame]:
    return {stream: _frame(tables[stream]) for stream in Stream if stream in tables}


def _frame(table: pa.Table) -> pl.DataFrame:
    return pl.DataFrame({name: pl.Series(table.column(name)) for name in table.column_names})


def _twins(stream: Stream, frame: pl.DataFrame) -> Iterator[Reject]:
    """Rows of one file and key that are no copies; each is named with the line it differs from."""
    key = list(RECORDS[stream].key)
    fields = [spec.name for spec in field_specs(RECORDS[stream])]
    distinct = frame.unique(subset=[*fields, "file"], keep="first", maintain_order=True)
    rows = distinct.filter(pl.len().over([*key, "file"]) > 1)
    for _, group in rows.group_by([*key, "file"], maintain_order=True):
        first, *others = group.iter_rows(named=True)
        for row in others:
            differing = [name for name in fields if row[name] != first[name]]
            shown = ", ".join(name.removesuffix("_cents") for name in differing)
            message = f"stands on line {first['line']} already, and differs in {shown}: give it once, or alike"
            yield _reject("DUPLICATE_KEY", message, row, key[0], " / ".join(str(row[name]) for name in key))


def _unknown(spec: FieldSpec, frame: pl.DataFrame, target: pl.DataFrame) -> Iterator[Reject]:
    known = target.select(pl.col("external_id").alias(spec.name)).unique()
    missing = frame.filter(pl.col(spec.name).is_not_null()).join(known, on=spec.name, how="anti", maintain_order="left")
    kind = str(spec.column.refers).replace("_", " ")
    file = target.row(0, named=True)["file"] if target.height else "any file"
    for row in missing.iter_rows(named=True):
        message = (
            f"no {kind} of this id is read from {file}: add it there, correct it here, or see why its line is refused"
        )
        yield _reject("UNKNOWN_REFERENCE", message, row, spec.name, row[spec.name])


def _lonely(contracts: pl.DataFrame, frames: Mapping[Stream, pl.DataFrame]) -> Iterator[Found]:
    asked = {
        Stream.PARTIES: ("holder", pl.col("role") == PartyRoleKind.HOLDER),
        Stream.CONTRACT_UNITS: ("unit", pl.lit(True)),
        Stream.ACCOUNT_CONTRACTS: ("account", pl.lit(True)),
    }
    for stream, (what, counts) in asked.items():
        if stream not in frames:
            continue
        having = frames[stream].filter(counts).select("contract_ref").unique()
        without = contracts.join(having, left_on="external_id", right_on="contract_ref", how="anti")
        for row in without.unique("external_id", keep="first", maintain_order=True).iter_rows(named=True):
            message = f"a contract in force without {what}: no tenant sees all of it"
            yield Stream.CONTRACTS, _reject("INCOMPLETE", message, row, "external_id", row["external_id"])


def _unbalanced(accounts: pl.DataFrame, ledger: pl.DataFrame) -> Iterator[Found]:
    """Accounts that give an opening balance and a balance: the entries until its date must lead from one to the other.
    Turned signs are what is most often wrong with a first export."""
    stated = accounts.filter(pl.col("opening_cents").is_not_null() & pl.col("balance_cents").is_not_null())
    entries = ledger.unique("external_id", keep="last").select("account_ref", "posted_on", "amount_cents")
    joined = stated.join(entries, left_on="external_id", right_on="account_ref", how="left").filter(
        pl.col("posted_on").is_null() | pl.col("balance_on").is_null() | (pl.col("posted_on") <= pl.col("balance_on"))
    )
    summed = joined.group_by("external_id", maintain_order=True).agg(
        pl.col("opening_cents", "balance_cents", *PLACE).first(), pl.col("amount_cents").sum().alias("moved")
    )
    for row in summed.iter_rows(named=True):
        due, said = row["opening_cents"] + row["moved"], row["balance_cents"]
        if due != said:
            turned = row["opening_cents"] - row["moved"] == -said or due == -said
            guess = "are debit and credit exchanged, or the signs of the balance?" if turned else "are entries missing?"
            message = f"the balance says {to_decimal(said)}, opening and entries make {to_decimal(due)}: {guess}"
            yield Stream.ACCOUNTS, _reject("UNBALANCED", message, row, "balance_cents", row["external_id"])


def _reject(code: str, message: str, row: Mapping[str, object], field: str, shown: object) -> Reject:
    line, file = row["line"], row["file"]
    return Reject(
        code,
        message,
        line=line if isinstance(line, int) else None,
        field=field,
        file=str(file) if file else None,
        excerpt=str(shown),
    )
