"""One way to print: a table for people, JSON for scripts, an error with what to do next."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hub.errors import HubError

_WIDE = 160  # for pipes and files, whose readers do not wrap


def _console(*, stderr: bool = False) -> Console:
    shown = Console(stderr=stderr, highlight=False)
    return shown if shown.is_terminal else Console(stderr=stderr, highlight=False, width=_WIDE)


console = _console()
errors = _console(stderr=True)


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def print_json(value: object) -> None:
    print(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))


def print_rows(rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """Rows as a table of the named columns, or whole as JSON; `empty` is what a person reads when there is none."""
    if as_json:
        print_json(rows)
        return
    if not rows:
        console.print(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=column != columns[-1])
    for row in rows:
        table.add_row(*(escape(_cell(row.get(column))) for column in columns))
    console.print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def print_error(error: HubError) -> None:
    """What happened, where, and what to do next, on standard error."""
    place = f"[dim]{escape(str(error.where))}[/dim]  " if str(error.where) else ""
    errors.print(f"[red]✗[/red] {place}{escape(error.message)}", soft_wrap=True)
    if error.hint:
        errors.print(f"  → {escape(error.hint)}", soft_wrap=True)
