"""A landlord's configuration in its past: list the versions, export one, put one in force again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hub.cli.operate import AsJson, By, Landlord, Limit, Note
from hub.cli.with_parts import run_with_parts


def register(app: typer.Typer) -> None:
    """Add `versions`, `export` and `rollback`."""
    app.command()(versions)
    app.command()(export)
    app.command()(rollback)


def versions(landlord: Landlord, limit: Limit = 20, json: AsJson = False) -> None:
    """The versions of a landlord's file: who put each in force, when and why. The first is in force."""
    from dataclasses import asdict

    from hub.cli.output import print_rows
    from hub.services.config_versions import list_versions

    found = run_with_parts(lambda parts: list_versions(parts.sync.engine, landlord, limit=limit))
    columns = ("version", "applied_at", "applied_by", "origin", "note")
    print_rows([asdict(one) for one in found], columns, as_json=json, empty="")


def export(
    landlord: Landlord,
    version: Annotated[int | None, typer.Option(help="The one in force unless told.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A file instead of standard output.")] = None,
) -> None:
    """Write a landlord's file as it was applied, comments included; its `# base:` line says which version it is."""
    from hub.cli.output import console
    from hub.services.config_versions import export_config

    exported = run_with_parts(lambda parts: export_config(parts.sync.engine, landlord, version=version))
    if out is None:
        print(exported.text, end="")
        return
    _write(out, exported.text)
    console.print(f"version {exported.version} of {landlord} is in {out}", soft_wrap=True)


def rollback(
    landlord: Landlord,
    version: Annotated[int, typer.Argument(help="The version to go back to.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; write nothing.")] = False,
    by: By = None,
    note: Note = None,
    json: AsJson = False,
) -> None:
    """Put an earlier version in force again, as a new one; secrets are those stored now."""
    from hub.cli.applying import operator
    from hub.cli.reports import print_applied
    from hub.services.config_versions import rollback_config

    applied = run_with_parts(
        lambda parts: rollback_config(
            parts.sync.engine,
            parts.sync.vault,
            parts.sync.clock,
            parts.sync.registry,
            landlord,
            version,
            by=by or operator(),
            note=note,
            dry_run=dry_run,
        )
    )
    print_applied([applied], dry_run=dry_run, as_json=json)


def _write(out: Path, text: str) -> None:
    from hub.errors import SetupError

    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{out} cannot be written: {error.strerror}", hint="name another file with -o") from error
