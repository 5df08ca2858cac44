"""`rekey`: the keys of another ERP for what is held."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.exits import Exit
from hub.cli.operate import AsJson, Landlord
from hub.cli.with_parts import run_with_parts

if TYPE_CHECKING:
    from hub.services.rekey import Rekeyed
    from hub.store.rekey_rows import KeyProblem

_SHOWN = 100
_SENTENCES = {
    "UNKNOWN": "{key} is no key of {old} that is known here → correct the line, or --skip-unknown",
    "AMBIGUOUS": "{key} means a {other} of {old} → say which in a third column, kind",
    "DUPLICATED": "{key} stands in the map again, for {other} → keep one of the lines",
    "MERGED": "{key} would mean {other} too → each object needs a new key of its own",
    "TAKEN": "{key} is another {other} of {new} already → it was read before its keys were known: ask for help",
    "HAS_KEY": "{key} is known to {new} as {other} already → correct the line",
}


def register(app: typer.Typer) -> None:
    """Add `rekey`."""
    app.command()(rekey)


def rekey(
    landlord: Landlord,
    map_file: Annotated[
        Path, typer.Argument(metavar="MAP", help="A CSV of old and new keys.", exists=True, dir_okay=False)
    ],
    old: Annotated[str, typer.Option("--from", help="The connector whose keys are known.", show_default=False)],
    new: Annotated[str, typer.Option("--to", help="The connector that has other keys.", show_default=False)],
    share: Annotated[bool, typer.Option("--share", help="Both connectors stay: only add the keys.")] = False,
    skip_unknown: Annotated[bool, typer.Option("--skip-unknown", help="Pass over old keys nobody knows.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; write nothing.")] = False,
    json: AsJson = False,
) -> None:
    """Tell which contracts, accounts, persons … another ERP means by its keys. Ids that tenants hold stay the same."""
    from dataclasses import asdict

    from hub.cli.output import print_json
    from hub.services.key_map import read_key_map
    from hub.services.rekey import rekey as follow

    pairs = read_key_map(map_file)
    done = run_with_parts(
        lambda parts: follow(
            parts.sync.engine,
            landlord,
            pairs,
            old=old,
            new=new,
            share=share,
            skip_unknown=skip_unknown,
            dry_run=dry_run,
        )
    )
    if json:
        print_json(asdict(done) | {"dry_run": dry_run})
    else:
        _print(done, old=old, new=new, dry_run=dry_run)
    if done.problems:
        raise typer.Exit(Exit.FAILED)


def _print(done: Rekeyed, *, old: str, new: str, dry_run: bool) -> None:
    from rich.markup import escape

    from hub.cli.output import console, print_rows
    from hub.cli.reports import counted

    rows = [
        {"kind": one.kind.replace("_", " "), "new_keys": one.added, "known": one.known, "not_in_the_map": one.left}
        for one in done.counts
    ]
    columns = ("kind", "new_keys", "known", "not_in_the_map")
    print_rows(rows, columns, as_json=False, empty=f"nothing of {old} is held")
    for one in done.problems[:_SHOWN]:
        console.print(f"  [red]✗[/red] {escape(_sentence(one, old, new))}", soft_wrap=True)
    if len(done.problems) > _SHOWN:
        console.print(f"  … and {counted(len(done.problems) - _SHOWN, 'more')}: --json shows all")
    if done.skipped:
        console.print(f"  {counted(len(done.skipped), 'unknown key')} passed over")
    console.print(_verdict(done, new, dry_run=dry_run), soft_wrap=True)


def _sentence(one: KeyProblem, old: str, new: str) -> str:
    return f"line {one.line}: " + _SENTENCES[one.code].format(key=one.key, other=one.other, old=old, new=new)


def _verdict(done: Rekeyed, new: str, *, dry_run: bool) -> str:
    from hub.cli.reports import counted

    if done.problems:
        return f"{counted(len(done.problems), 'line')} of the map cannot be followed: nothing was changed"
    if not done.changed:
        return "all of it is so already: nothing was changed"
    rows = f", {counted(sum(done.moved.values()), 'row')} handed over to {new}" if done.moved else ""
    keys = counted(sum(one.added for one in done.counts), "key")
    return f"{keys} {'would be ' if dry_run else ''}added{rows}{'; nothing was changed' if dry_run else ''}"
