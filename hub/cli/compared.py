"""A preview against what is held, in words: how many rows would change, in which fields, and a few of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from hub.cli.output import console, print_json
from hub.cli.reports import counted as number_of

if TYPE_CHECKING:
    from hub.bootstrap import OperatorParts
    from hub.sync.against_held import AgainstHeld

_SHOWN = 5


async def against_held(
    parts: OperatorParts, landlord: str, feed: str, sample: Path | None, file: Path | None
) -> AgainstHeld:
    """Compare a feed's input with what is held, under the configuration in force or a landlord file to try."""
    from hub.config import read_landlord
    from hub.sync.against_held import compare_feed
    from hub.sync.night import load_config

    config = read_landlord(file, parts.sync.registry) if file else await load_config(parts.sync, landlord)
    return await compare_feed(parts.sync, config, feed, sample=sample)


def print_against_held(found: AgainstHeld, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(found))
        return
    told = found.comparison
    console.print(f"{found.feed}: {found.read:,} rows read{' from ' if found.files else ''}{', '.join(found.files)}")
    for count, what, keys in (
        (told.added, "new", told.added_keys),
        (told.changed, "changed", ()),
        (told.returned, "back, having been missing", ()),
        (told.unchanged, "unchanged", ()),
        (told.missing, "held, and missing here", told.missing_keys),
        (len(found.refused), "refused", ()),
    ):
        like = f"   {', '.join(keys)}{', …' if count > len(keys) else ''}" if keys else ""
        console.print(escape(f"  {count:>9,}  {what}{like}"), soft_wrap=True)
    for field in told.fields:
        console.print(escape(f"\n  {field.field} would change in {number_of(field.rows, 'row')}"))
        for one in field.samples:
            console.print(escape(f"    {one.key}: {_value(one.held)} → {_value(one.staged)}"), soft_wrap=True)
    _print_refused(found)
    console.print("\nnothing was written")


def _value(text: str | None) -> str:
    return "nothing" if text is None else text


def _print_refused(found: AgainstHeld) -> None:
    """The kinds of refusal, most frequent first, each with the first row it was met in."""
    counted = Counter((one.code, one.field) for one in found.refused)
    for (code, field), count in counted.most_common(_SHOWN):
        first = next(one for one in found.refused if (one.code, one.field) == (code, field))
        line = f", first in line {first.line}" if first.line else ""
        console.print(escape(f"\n  {code} in {number_of(count, 'row')}{line}: {first.message}"), soft_wrap=True)
    if found.refused and found.comparison.missing:
        console.print("\n  while rows are refused, none is marked missing", soft_wrap=True)
