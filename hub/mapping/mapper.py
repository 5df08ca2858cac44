"""A compiled mapping at work: source columns in, canonical rows and rejects out."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches

import polars as pl
import pyarrow as pa

from hub.errors import InputRefusedError, PluginError
from hub.mapping.values import Fault, Target
from hub.records import Batch, CanonicalRecord, Reject, arrow_schema, excerpt

_CLOSE = 0.75
"""How alike two columns' names are of which one is taken for a slip of the other."""


@dataclass(frozen=True, slots=True)
class Mapper:
    """A landlord's mapping for one stream (a `hub.ports.RowMapper`), compiled once and used by any number of threads.

    `columns` are the source columns or paths it reads; `fingerprint` changes when what it does changes.
    """

    record: type[CanonicalRecord]
    columns: tuple[str, ...]
    fingerprint: str
    targets: tuple[Target, ...] = field(repr=False, compare=False)
    steps: tuple[tuple[pl.Expr, ...], ...] = field(repr=False, compare=False)
    keep: pl.Expr | None = field(default=None, repr=False, compare=False)

    def map(self, source: pa.Table, *, lines: pa.Array, file: str | None = None) -> Batch:
        """Map a table of nullable text columns. Rows that cannot be read become one reject each.

        Raises InputRefusedError when a column is missing, PluginError when one is not text.
        """
        frame = self._frame(source, lines, file)
        found = len(frame)
        if self.keep is not None:
            frame = frame.filter(self.keep)
        values = self._stepped(frame).select(*self._values(), broken=self._broken()).collect()
        broken = values.get_column("broken")
        rejects = self._rejects(frame.filter(broken), file) if broken.any() else []
        good = values.filter(~broken) if rejects else values
        return Batch(
            rows=_arrow(self.record, good),
            lines=(frame.filter(~broken) if rejects else frame).get_column("line").to_arrow(),
            rejects=rejects,
            file=file,
            skipped=found - len(frame),
        )

    def _frame(self, source: pa.Table, lines: pa.Array, file: str | None) -> pl.DataFrame:
        columns = {f"s{place}": self._text(source, name, file) for place, name in enumerate(self.columns)}
        return pl.DataFrame({**columns, "line": pl.Series(lines, dtype=pl.Int64)})

    def _text(self, source: pa.Table, name: str, file: str | None) -> pl.Series:
        if name not in source.column_names:
            near = get_close_matches(name, source.column_names, 1, _CLOSE)
            raise InputRefusedError(
                f"there is no column {name!r}: found {', '.join(source.column_names)}",
                hint=f"did you mean {near[0]!r}?" if near else "has the file's layout changed?",
            ).at(file=file)
        series = pl.Series(source.column(name))
        if series.dtype not in (pl.String, pl.Null):
            raise PluginError(f"column {name!r} comes as {series.dtype}", hint="a mapping reads columns of text")
        return series.cast(pl.String)

    def _stepped(self, frame: pl.DataFrame) -> pl.LazyFrame:
        """The frame with what is used more than once."""
        lazy = frame.lazy()
        for step in self.steps:
            lazy = lazy.with_columns(step)
        return lazy

    def _values(self) -> list[pl.Expr]:
        return [target.value.alias(target.spec.name) for target in self.targets]

    def _broken(self) -> pl.Expr:
        faults = [fault.broken for target in self.targets for fault in target.faults]
        return pl.any_horizontal([*faults, pl.lit(False)]).fill_null(False)

    def _rejects(self, bad: pl.DataFrame, file: str | None) -> list[Reject]:
        """One reject per row, for the first fault in the mapping's order."""
        faults = [(target, fault) for target in self.targets for fault in target.faults]
        asked = [
            pl.coalesce([pl.when(fault.broken).then(place) for place, (_, fault) in enumerate(faults)]).alias("first"),
            *(fault.shown.alias(f"shown{place}") for place, (_, fault) in enumerate(faults) if fault.shown is not None),
        ]
        seen = self._stepped(bad).select("line", *asked, about=self._about()).collect()
        return [_reject(faults[row["first"]], row, file) for row in seen.iter_rows(named=True)]

    def _about(self) -> pl.Expr:
        """What a refused row concerns, as far as it can be read."""
        found = [one.value for one in self.targets if one.spec.name == self.record.concerns]
        return found[0] if found else pl.lit(None, pl.String)


def _reject(found: tuple[Target, Fault], row: dict[str, object], file: str | None) -> Reject:
    spec, fault = found[0].spec, found[1]
    shown = excerpt(row.get(f"shown{row['first']}"), personal=spec.column.personal)
    line = row["line"]
    return Reject(
        code=fault.code,
        message=fault.message.replace("{seen}", shown or ""),
        line=line if isinstance(line, int) else None,
        field=spec.name,
        file=file,
        excerpt=shown,
        about=row["about"] if isinstance(row["about"], str) else None,
    )


def _arrow(record: type[CanonicalRecord], good: pl.DataFrame) -> pa.Table:
    schema = arrow_schema(record)
    table = good.drop("broken").to_arrow(compat_level=pl.CompatLevel.oldest())
    return table.cast(pa.schema([schema.field(name) for name in table.column_names]))
