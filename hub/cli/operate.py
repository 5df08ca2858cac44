"""The landlord's commands: apply, check, preview, sync, and what to look at in the morning."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.exits import Exit
from hub.cli.with_parts import run_with_parts as _run

if TYPE_CHECKING:
    from hub.bootstrap import OperatorParts

Landlord = Annotated[str, typer.Argument(help="The landlord's slug.", show_default=False)]
AnyLandlord = Annotated[str | None, typer.Argument(help="The landlord's slug; all if none is named.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
By = Annotated[str | None, typer.Option(help="Who does it; the system's user unless told.", show_default=False)]
Note = Annotated[str | None, typer.Option(help="Why, for whoever reads the versions later.", show_default=False)]
Limit = Annotated[int, typer.Option(help="At most so many.", min=1, max=1000)]


def register(app: typer.Typer) -> None:
    """Add the operator's commands."""
    app.command()(apply)
    app.command()(check)
    app.command()(preview)
    app.command()(sync)
    app.command()(plugins)
    app.command()(token)
    app.command()(dump)
    runs = _group(app, "runs", "What was synced, and what was not.")
    runs.command("list")(runs_list)
    runs.command("show")(runs_show)
    jobs = _group(app, "jobs", "Work given up on.")
    jobs.command("dead")(jobs_dead)
    jobs.command("replay")(jobs_replay)


def _group(app: typer.Typer, name: str, help: str) -> typer.Typer:
    group = typer.Typer(help=help, no_args_is_help=True)
    app.add_typer(group, name=name)
    return group


# --- commands ---------------------------------------------------------------------------------------------------------


def apply(
    files: Annotated[list[Path], typer.Argument(help="Landlord files (landlords/<slug>.toml).")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the version in force, whatever it is.")] = False,
    by: By = None,
    note: Note = None,
    json: AsJson = False,
) -> None:
    """Put landlord files in force. The same file again changes nothing."""
    apply_files(files, dry_run=dry_run, force=force, by=by, note=note, as_json=json)


def check(landlord: Landlord, json: AsJson = False) -> None:
    """Try a landlord's connectors and means of payment step by step. Each step says what was seen and what to do."""
    if not _run(lambda parts: _check(parts, landlord, json)):
        raise typer.Exit(Exit.FAILED)


def preview(
    landlord: Landlord,
    feed: Annotated[str, typer.Argument(help="The feed's name.")],
    file: Annotated[
        Path | None,
        typer.Option(help="A sample file instead of the newest at the source.", exists=True, dir_okay=False),
    ] = None,
    rows: Annotated[int, typer.Option(help="How many rows to read.", min=1, max=1000)] = 20,
    config: Annotated[
        Path | None, typer.Option(help="A landlord file to try instead of the one in force.", show_default=False)
    ] = None,
    against_held: Annotated[
        bool, typer.Option("--against-held", help="Read all of it, and compare it with what is held.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show what a feed's rows would become. Those that would be refused are told with why; nothing is written."""
    from hub.cli import compared

    if against_held:
        found = _run(lambda parts: compared.against_held(parts, landlord, feed, file, config))
        compared.print_against_held(found, as_json=json)
        return
    _run(lambda parts: _preview(parts, landlord, feed, file, rows, config, json))


def sync(
    landlord: Landlord,
    feeds: Annotated[list[str] | None, typer.Argument(help="Feeds; all if none is named.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show progress until the run ends.")] = False,
    reread: Annotated[bool, typer.Option("--reread", help="Read kept raw input again; ask the ERP nothing.")] = False,
    run: Annotated[int | None, typer.Option(help="--reread from what this run brought.", show_default=False)] = None,
    days: Annotated[int | None, typer.Option(help="--reread what came in so many days.", min=1)] = None,
) -> None:
    """Ask for a landlord's feeds to be brought up to date now."""
    from hub.cli.output import console
    from hub.cli.rereading import reread_kept

    if reread or run is not None or days is not None:
        reread_kept(landlord, feeds or (), run=run, days=days, wait=wait)
        return
    if wait:
        if not sync_with_progress([landlord], feeds or ()):
            raise typer.Exit(Exit.FAILED)
        return
    run_id = _run(lambda parts: _start(parts, landlord, feeds or ()))
    console.print(f"run {run_id} is queued; see it with: housing-hub runs show {landlord} {run_id}", soft_wrap=True)


def runs_list(
    landlord: AnyLandlord = None,
    limit: Limit = 20,
    json: AsJson = False,
) -> None:
    """The latest runs."""
    from hub.cli.reports import print_runs

    print_runs(_run(lambda parts: _runs(parts, landlord, limit)), as_json=json)


def runs_show(
    landlord: Landlord,
    run: Annotated[int | None, typer.Argument(help="The run's number; the latest if none is named.")] = None,
    json: AsJson = False,
) -> None:
    """One run, feed by feed, and what to do next."""
    from hub.cli.reports import print_run
    from hub.cli.watching import look_at_run

    found, as_of, waits_for = _run(lambda parts: look_at_run(parts, landlord, run))
    print_run(landlord, found, as_of, waits_for=waits_for, as_json=json)


def plugins(json: AsJson = False) -> None:
    """The plugins: ready, broken and why, or not allowed."""
    from hub.cli.output import print_rows
    from hub.cli.reports import plugin_rows
    from hub.config import Settings
    from hub.registry import Registry

    rows = plugin_rows(Registry.load(Settings().plugins))
    print_rows(rows, ("name", "state", "version", "summary"), as_json=json, empty="no plugin is installed")


def jobs_dead(landlord: AnyLandlord = None, limit: Limit = 50, json: AsJson = False) -> None:
    """Jobs nobody tries any more, each with its reason."""
    from hub.cli.output import print_rows

    rows = _run(lambda parts: _dead(parts, landlord, limit))
    columns = ("landlord", "id", "kind", "attempts", "finished_at", "last_error")
    print_rows(rows, columns, as_json=json, empty="no job was given up on")


def jobs_replay(landlord: Landlord, job: Annotated[int, typer.Argument(help="The job's number.")]) -> None:
    """Try a dead job again, its attempts counted anew."""
    from hub.cli.output import console

    _run(lambda parts: _replay(parts, landlord, job))
    console.print(f"job {job} is queued again")


def token(
    landlord: Landlord,
    person: Annotated[str, typer.Option(help="The ERP's person id, or a contract's reference.")],
    hours: Annotated[int, typer.Option(help="How long it is valid.", min=1, max=720)] = 8,
) -> None:
    """A bearer token for one tenant; not in the production profile."""
    print(issue_token(landlord, person, hours=hours))


def dump(landlord: Landlord) -> None:
    """A landlord's data as text, the same for the same data."""

    async def show(parts: OperatorParts) -> str:
        from hub.store.dump import canonical_dump
        from hub.store.engine import scope

        await _slugs(parts, landlord)
        async with scope(parts.sync.engine, landlord, readonly=True) as conn:
            return await canonical_dump(conn)

    print(_run(show), end="")


# --- also called by the demo ------------------------------------------------------------------------------------------


def apply_files(
    files: Sequence[Path],
    *,
    dry_run: bool = False,
    force: bool = False,
    by: str | None = None,
    note: str | None = None,
    as_json: bool = False,
) -> None:
    """Apply landlord files in order; the first that is wrong stops, with everything wrong in it told."""
    from hub.cli.applying import apply_all, operator
    from hub.cli.quarantine import propose_retries
    from hub.cli.reports import print_applied

    if dry_run:
        applied = _run(lambda parts: _plan(parts, files))
    else:
        applied = _run(lambda parts: apply_all(parts, files, by=by or operator(), note=note, force=force))
    print_applied(applied, dry_run=dry_run, as_json=as_json)
    if not dry_run and not as_json:
        propose_retries([one.landlord for one in applied if one.changed])


def sync_with_progress(landlords: Sequence[str], feeds: Sequence[str] = ()) -> bool:
    """Ask for all at once, so that no schedule comes between, and show each as it goes on; True if all went well."""
    from hub.cli.watching import watch

    async def all_of_them(parts: OperatorParts) -> bool:
        runs = {landlord: await _start(parts, landlord, feeds) for landlord in landlords}
        return all([await watch(parts, landlord, run_id) for landlord, run_id in runs.items()])

    return _run(all_of_them)


def issue_token(landlord: str, person: str, *, hours: int = 8) -> str:
    """A tenant's token, in clear: it is shown once."""
    from hub.services.issue_token import issue_token as issue

    async def make(parts: OperatorParts) -> str:
        await _slugs(parts, landlord)
        issued = await issue(
            parts.sync.engine,
            parts.sync.clock,
            profile=parts.settings.profile,
            landlord=landlord,
            person=person,
            valid=timedelta(hours=hours),
        )
        return issued.token

    return _run(make)


# --- the work behind them ---------------------------------------------------------------------------------------------


async def _plan(parts: OperatorParts, files: Sequence[Path]) -> list[Any]:
    from hub.config import read_landlord
    from hub.services.apply_config import plan_config

    configs = [read_landlord(file, parts.sync.registry, need_secrets=False) for file in files]
    return [await plan_config(parts.sync.engine, config) for config in configs]


async def _check(parts: OperatorParts, landlord: str, as_json: bool) -> bool:
    from dataclasses import asdict

    from hub.cli.output import print_json
    from hub.cli.reports import print_finding
    from hub.paying.trial import check_providers
    from hub.sync.night import load_config
    from hub.sync.trial import check_landlord

    good, rows = True, []
    config = await load_config(parts.sync, landlord)
    for trial in (check_landlord(parts.sync, config), check_providers(parts.paying, config)):
        async with aclosing(trial) as findings:
            async for subject, finding in findings:
                good &= finding.ok
                rows.append({"subject": subject} | asdict(finding))
                if not as_json:
                    print_finding(subject, finding)
    if as_json:
        print_json(rows)
    return good


async def _preview(
    parts: OperatorParts,
    landlord: str,
    feed: str,
    sample: Path | None,
    rows: int,
    file: Path | None,
    as_json: bool,
) -> None:
    from hub.cli.reports import print_preview
    from hub.config import read_landlord
    from hub.sync.night import load_config
    from hub.sync.trial import preview_feed

    config = read_landlord(file, parts.sync.registry) if file else await load_config(parts.sync, landlord)
    print_preview(await preview_feed(parts.sync, config, feed, limit=rows, sample=sample), as_json=as_json)


async def _start(parts: OperatorParts, landlord: str, feeds: Sequence[str]) -> int:
    from hub.services.start_sync import start_sync

    return await start_sync(parts.sync.engine, parts.sync.clock, parts.bell, landlord, feeds)


async def _runs(parts: OperatorParts, landlord: str | None, limit: int) -> list[tuple[str, Any]]:
    from hub.store.engine import scope
    from hub.store.run_rows import list_runs

    found: list[tuple[str, Any]] = []
    for slug in await _slugs(parts, landlord):
        async with scope(parts.sync.engine, slug, readonly=True) as conn:
            found += [(slug, run) for run in await list_runs(conn, limit=limit)]
    return sorted(found, key=lambda pair: pair[1].queued_at, reverse=True)[:limit]


async def _slugs(parts: OperatorParts, landlord: str | None) -> list[str]:
    from hub.services.known_landlords import landlord_slugs

    return await landlord_slugs(parts.sync.engine, landlord)


async def _dead(parts: OperatorParts, landlord: str | None, limit: int) -> list[dict[str, Any]]:
    from dataclasses import asdict

    from hub.store.engine import scope
    from hub.store.job_rows import list_dead

    found: list[dict[str, Any]] = []
    for slug in await _slugs(parts, landlord):
        async with scope(parts.sync.engine, slug, readonly=True) as conn:
            found += [{"landlord": slug} | asdict(row) for row in await list_dead(conn, limit=limit)]
    return sorted(found, key=lambda row: row["finished_at"], reverse=True)[:limit]


async def _replay(parts: OperatorParts, landlord: str, job: int) -> None:
    from hub.store.engine import scope
    from hub.store.job_rows import replay

    async with scope(parts.sync.engine, landlord) as conn:
        queue = await replay(conn, job, now=parts.sync.clock.now())
    parts.bell.ring(queue)
