"""`housing-hub status`: the morning on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from hub.cli.operate import AnyLandlord, AsJson

if TYPE_CHECKING:
    from hub.services.status import Status


def register(app: typer.Typer) -> None:
    """Add `status`."""
    app.command()(status)


def status(landlord: AnyLandlord = None, json: AsJson = False) -> None:
    """What needs a person, what goes on by itself, and how old the data is that tenants see."""
    from dataclasses import asdict

    from hub.cli.output import console, print_json
    from hub.cli.with_parts import run_with_parts
    from hub.services.status import read_status

    found = run_with_parts(lambda parts: read_status(parts.sync.engine, landlord, now=parts.sync.clock.now()))
    if json:
        print_json([asdict(one) | {"needs_person": one.needs_person} for one in found])
        return
    if not found:
        console.print("no landlord is configured: housing-hub apply landlords/….toml")
    for one in found:
        for line in status_text(one):
            console.print(line, soft_wrap=True, markup=False)


def status_text(one: Status) -> list[str]:
    """A landlord in a line, then a line for each matter and what to do."""
    verdict = "needs a person" if one.needs_person else "goes on by itself" if one.matters else "well"
    feed, as_of = one.oldest or ("", None)
    age = (
        f"tenants see data as of {as_of:%d %B %Y %H:%M} UTC or newer (oldest: {feed})" if as_of else "nothing is served"
    )
    lines = [f"{one.landlord:<22}{verdict:<20}{age}"]
    for matter in one.matters:
        lines += [f"  {'!' if matter.needs_person else '·'} {matter.text}", f"      → {matter.do}"]
    if one.never and as_of:
        lines.append(f"  · never applied: {', '.join(one.never)}")
    return lines
