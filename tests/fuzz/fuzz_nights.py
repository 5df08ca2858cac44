"""A sample of the malformed files through whole nights: over SFTP, through jobs, into PostgreSQL."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import fuzz_files  # noqa: F401  # registers the kinds of mutation
from fuzz_cases import SMALL, Case, make_case
from fuzz_goldens import FIELDS, FORMS, NAME, Golden, control_bytes, golden, pack
from fuzz_hub import Hub

from hub.store.run_rows import FeedRun

_HELD = f"""
    select k.external_id, {", ".join(f"c.{name}" for name in FIELDS[1:])}, c.missing_since, c.closed_at
    from contract c join external_key k on k.object_type = 'contract' and k.object_id = c.id
    where k.landlord_id = c.landlord_id"""
_NAMED = "select line, code, field, file from quarantine where state = 'open'"


@dataclass
class Nights:
    """The counts of a sample."""

    states: dict[str, int] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(self.states.values())


class Landlords:
    """A landlord for each form and kind of control file, brought up with the golden file when first asked for."""

    def __init__(self, hub: Hub, seed: int) -> None:
        self.hub, self.seed = hub, seed
        self._known: set[str] = set()

    async def send(self, case: Case) -> tuple[str, str, FeedRun]:
        """A night with this file; the landlord's slug, the file's name and the report."""
        slug = await self._of(case.form, sums=case.sums)
        name, report = await self._night(slug, case.form, case.data, case.control or b"")
        return slug, name, report

    async def _of(self, form: str, *, sums: bool) -> str:
        slug = f"fuzz-{form}-{'sums' if sums else 'count'}"
        if slug not in self._known:
            (self.hub.root / slug).mkdir()
            await self.hub.apply(slug, contracts=FORMS[form].table(sums=sums))
            gold = golden(form, SMALL, self.seed)
            control = control_bytes(FORMS[form], SMALL, gold.total)
            _, report = await self._night(slug, form, pack(FORMS[form], gold.content), control)
            if (report.state, report.added) != ("applied", SMALL):
                raise RuntimeError(f"the golden file of {form} was not applied: {report}")
            self._known.add(slug)
        return slug

    async def restore(self, slug: str, form: str) -> None:
        """The golden rows again, so that each case begins with them."""
        gold = golden(form, SMALL, self.seed)
        control = control_bytes(FORMS[form], SMALL, gold.total)
        await self._night(slug, form, pack(FORMS[form], gold.content), control)

    async def _night(self, slug: str, form: str, data: bytes, control: bytes) -> tuple[str, FeedRun]:
        hub = self.hub
        hub.clock.move(days=1)
        name = f"F_{hub.clock.now():%Y%m%d}"
        folder = hub.root / slug
        for left in folder.iterdir():
            left.unlink()
        (folder / f"{name}.{FORMS[form].suffix}").write_bytes(data)
        (folder / f"{name}.ctl").write_bytes(control.replace(NAME.encode(), name.encode()))
        stamp = (hub.clock.now() - timedelta(hours=1)).timestamp()
        for path in folder.iterdir():
            os.utime(path, (stamp, stamp))
        return name, await hub.sync(slug, "contracts")


async def run_nights(hub: Hub, seed: int, wanted: int, *, first: int = 0) -> Nights:
    """Judge `wanted` cases of the seed, from number `first` on, that a night can hold (with a control file)."""
    nights, landlords, index = Nights(), Landlords(hub, seed), first
    while nights.count < wanted:
        case = make_case(seed, index)
        if _fits(case, seed):
            fault = await _judge(landlords, case, nights)
            if fault is not None:
                nights.faults.append(f"seed {seed}, case {index}, {case.kind}, {case.form}: {fault}")
        index += 1
    return nights


def _fits(case: Case, seed: int) -> bool:
    """A control file makes a file finished; rows left out on purpose are another rule's business."""
    gold: Golden = golden(case.form, SMALL, seed)
    ids = {row["external_id"] for row in gold.expected.values()}
    of_it = {row["external_id"] for row in case.rows.values()}
    return case.control is not None and of_it <= ids and (case.detectable or of_it == ids)


async def _judge(landlords: Landlords, case: Case, nights: Nights) -> str | None:
    hub = landlords.hub
    slug = f"fuzz-{case.form}-{'sums' if case.sums else 'count'}"
    before = await held(hub, slug)
    slug, name, report = await landlords.send(case)
    before = before or {row["external_id"]: row for row in golden(case.form, SMALL, landlords.seed).expected.values()}
    after = await held(hub, slug)
    nights.states[report.state] = nights.states.get(report.state, 0) + 1
    nights.kinds.add(case.kind)
    fault = _fault(case, name, report, before, after, await hub.ask(slug, _NAMED))
    if after != before:
        await landlords.restore(slug, case.form)
    return fault


async def held(hub: Hub, slug: str) -> dict[str, dict[str, Any]]:
    """What is served of the contracts; one that went missing says so."""
    rows = await hub.ask(slug, _HELD)
    return {
        row.external_id: {name: getattr(row, name) for name in FIELDS}
        | ({"gone": True} if row.missing_since or row.closed_at else {})
        for row in rows
    }


def _fault(
    case: Case, name: str, report: FeedRun, before: dict[str, Any], after: dict[str, Any], named: list[Any]
) -> str | None:
    wanted = before | {row["external_id"]: row for row in case.rows.values()}
    if report.state in ("refused", "held"):
        if not case.detectable:
            return f"a benign file is {report.state}: {report.error}"
        if name not in (report.error or "") or report.error_code is None:
            return f"the report does not name its file: {report.error}"
        return None if after == before else "rows of a refused file were applied"
    if report.state not in ("applied", "unchanged"):
        return f"the feed is {report.state}: {report.error_code} {report.error}"
    if report.state == "unchanged" and after == before:
        return None  # to the byte what is applied already: whatever its control file says, nothing is read
    if case.whole:
        return f"{report.state}, though the file is cut or lies"
    if after != wanted:
        return f"the rows are others: {[(k, after.get(k), wanted[k]) for k in wanted if after.get(k) != wanted[k]][:1]}"
    lines = {row.line for row in named if row.code and name in (row.file or "")}
    return f"lines {sorted(case.bad - lines)[:5]} are not in quarantine" if case.bad - lines else None
