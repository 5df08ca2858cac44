"""The CSV pack: a folder to begin with, and its files checked all at once."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.exits import Exit
from hub.cli.operate import AsJson
from hub.errors import ConflictError, SettingsError, SetupError

if TYPE_CHECKING:
    from hub.config import LandlordConfig
    from hub.sync.rehearsal import Rehearsal, Trouble

_NAME = "csv-pack"
_SHOWN = 200
_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


def register(app: typer.Typer) -> None:
    """Add the `pack` commands."""
    group = typer.Typer(help="A landlord's own export as plain CSV files.", no_args_is_help=True)
    app.add_typer(group, name="pack")
    group.command("init")(init)
    group.command("check")(check)


def init(
    landlord: Annotated[str, typer.Argument(help="The landlord's slug: small letters, digits, hyphens.")],
    folder: Annotated[Path | None, typer.Option(help="Where; a folder of the slug's name unless told.")] = None,
    name: Annotated[str | None, typer.Option(help="The landlord's name as tenants know it.")] = None,
    delimiter: Annotated[str, typer.Option(help="What stands between two values: ; , or tab.")] = ";",
    encoding: Annotated[str, typer.Option(help="The files' characters: utf-8, cp1252 or latin-1.")] = "utf-8",
    no_samples: Annotated[bool, typer.Option("--no-samples", help="Only the landlord's file.")] = False,
) -> None:
    """Write a folder with a landlord's file that fits the CSV pack, and sample data to look at and replace."""
    from hub.cli.output import console

    target = (folder or Path(landlord)).absolute()
    file = target / f"{landlord}.toml"
    text = _landlord_file(landlord, name or landlord.replace("-", " ").title(), target, delimiter, encoding)
    if file.exists() or (not no_samples and any(target.glob("*.csv"))):
        raise ConflictError(f"{target} holds files already", hint="name another --folder, or delete them first")
    target.mkdir(parents=True, exist_ok=True)
    written = [] if no_samples else _write_samples(target, delimiter, encoding)
    file.write_text(text, encoding="utf-8")
    console.print(f"{_near(file)} and {len(written)} sample files are written", soft_wrap=True)
    console.print(f"  Next: housing-hub pack check {_near(target)}", soft_wrap=True)


def check(
    folder: Annotated[Path, typer.Argument(help="The folder with the files.", exists=True, file_okay=False)],
    config: Annotated[
        Path | None, typer.Option(help="The landlord's file; the one in the folder unless told.", show_default=False)
    ] = None,
    json: AsJson = False,
) -> None:
    """Read all files of a folder and tell everything that is wrong with them. Needs no database; writes nothing."""
    from dataclasses import asdict

    from hub.cli.output import print_json
    from hub.sync.rehearsal import rehearse

    found = rehearse(_config(config or _only_file(folder)), folder)
    if json:
        print_json(asdict(found))
    else:
        _print(found)
    if found.troubles:
        raise typer.Exit(Exit.FAILED)


# --- init -------------------------------------------------------------------------------------------------------------


def _landlord_file(slug: str, name: str, folder: Path, delimiter: str, encoding: str) -> str:
    """The preset with the landlord's own slug, name, folder and way of writing."""
    if not _SLUG.fullmatch(slug):
        raise SettingsError(f'"{slug}" is no slug', hint="small letters, digits and hyphens, at most 40: my-landlord")
    text = (_shipped() / f"{_NAME}.toml").read_text(encoding="utf-8")
    for standing, own in (
        (f'slug = "{_NAME}"', f'slug = "{slug}"'),
        ('name = "My landlord"', f"name = {_quoted(name)}"),
        (f'folder = "/srv/housing-hub/{_NAME}"', f"folder = {_quoted(str(folder))}"),
        ('delimiter = ";"', f"delimiter = {_quoted(_sign(delimiter))}"),
        ('encoding = "utf-8"', f"encoding = {_quoted(_known(encoding))}"),
    ):
        text = text.replace(standing, own)
    return text


def _write_samples(target: Path, delimiter: str, encoding: str) -> list[Path]:
    """The sample files, written the way the landlord's own will be."""
    written = []
    for sample in sorted((_shipped() / _NAME).iterdir()):
        copy = Path(shutil.copy2(sample, target / sample.name))
        if sample.suffix == ".csv" and (delimiter, encoding) != (";", "utf-8"):
            text = sample.read_bytes().decode("utf-8").replace(";", _sign(delimiter))  # no value of theirs holds a ;
            copy.write_bytes(text.encode(_known(encoding)))
        written.append(copy)
    return written


def _shipped() -> Path:
    """Where the preset and its sample lie: in the installed package, or in the project."""
    beside = Path(__file__).parent / "presets"
    place = beside if beside.is_dir() else Path(__file__).parents[2] / "landlords"
    if not (place / f"{_NAME}.toml").is_file():
        raise SetupError(f"the preset is missing from {place}", hint="install housing-hub again")
    return place


def _sign(delimiter: str) -> str:
    sign = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
    if sign not in (";", ",", "\t", "|"):
        raise SettingsError(f"{delimiter!r} separates no values here", hint="one of ; , tab |")
    return sign


def _known(encoding: str) -> str:
    from hub.formats import known_encoding

    return known_encoding(encoding)


def _quoted(text: str) -> str:
    """A TOML text."""
    import json

    return json.dumps(text, ensure_ascii=False)


def _near(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


# --- check ------------------------------------------------------------------------------------------------------------


def _only_file(folder: Path) -> Path:
    found = sorted(folder.glob("*.toml"))
    if len(found) != 1:
        held = "no landlord's file" if not found else f"{len(found)} landlords' files"
        raise SetupError(
            f"{folder} holds {held}", hint="name one: --config FILE, or begin with `housing-hub pack init`"
        )
    return found[0]


def _config(file: Path) -> LandlordConfig:
    from hub.config import Settings, read_landlord
    from hub.registry import Registry

    return read_landlord(file, Registry.load(Settings().plugins), need_secrets=False)


def _print(found: Rehearsal) -> None:
    from rich.markup import escape

    from hub.cli.output import console
    from hub.cli.reports import counted

    for file, feeds in sorted(found.files.items()):
        told = ", ".join(f"{feed.replace('_', ' ')} {rows:,}" for feed, rows in feeds.items())
        console.print(f"  {escape(file):<28} {told}", soft_wrap=True)
    for mark, troubles in (("[red]✗[/red]", found.troubles), ("[yellow]![/yellow]", found.oddities)):
        for one in troubles[:_SHOWN]:
            console.print(f"  {mark} {escape(_place(one))}", soft_wrap=True)
            console.print(escape(f"      {_sentence(one)}"), soft_wrap=True)
        if len(troubles) > _SHOWN:
            console.print(f"  … and {counted(len(troubles) - _SHOWN, 'more')}: --json shows all")
    console.print(_verdict(found), soft_wrap=True)


def _place(one: Trouble) -> str:
    more = f" and {len(one.lines) - 1:,} more" if len(one.lines) > 1 else ""
    line = f"line {one.lines[0]}{more}" if one.lines else ""
    return "  ".join(part for part in (one.file, line, one.column, one.value and f'"{one.value}"') if part)


def _sentence(one: Trouble) -> str:
    return f"{one.message} → {one.hint}" if one.hint else one.message


def _verdict(found: Rehearsal) -> str:
    from hub.cli.reports import counted

    odd = f"; {counted(len(found.oddities), 'thing')} to look at (!)" if found.oddities else ""
    if found.troubles:
        files: Sequence[str] = sorted({one.file for one in found.troubles})
        return f"{counted(len(found.troubles), 'thing')} wrong in {', '.join(files)}{odd}; nothing was written"
    return f"all files can be read{odd}; nothing was written"
