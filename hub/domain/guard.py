"""When new data is too unlike what is held to be applied unseen: rules over counts and sums, without any data.

The defaults need no tuning for landlords from a dozen contracts to a million; each can be set per feed
(`[feeds.NAME.guard]`). A rule never fires on a feed's first load. (Source: the guard list of the feed pipeline.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil
from typing import Final, Literal

from hub.domain.modes import Days, hole

Rule = Literal[
    "disappearing",
    "slow_drip",
    "fewer_rows",
    "wrong_landlord",
    "stale",
    "new_debits",
    "old_entries",
    "window_gap",
    "another_erp",
]

_DAYS_OF_A_MONTH: Final = 30
_TOO_FEW_TO_COMPARE: Final = 3


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """What is still taken unseen. A number of rows and a share of what is held: the larger one counts."""

    disappearing_rows: int = 10
    disappearing_share: float = 0.01
    drip_days: int = 7
    fewer_rows: int = 10
    fewer_share: float = 0.05
    known_share: float = 0.5
    debit_factor: float = 1.5
    debit_floor_cents: int = 500_000
    old_days: int = 60
    old_rows: int = 10
    old_share: float = 0.001

    @property
    def drip(self) -> timedelta:
        """How far back disappearances are added up."""
        return timedelta(days=self.drip_days)


@dataclass(frozen=True, slots=True)
class SnapshotFacts:
    """A whole set beside the one held. `held`: rows served now; `staged`: rows of the new set; `common`: rows in both.

    `refused`: new rows that could not be read (what they say is unknown, so they are not counted as gone);
    `dripped`: rows that went missing within the last days and are not back. `ended`: held rows not in the new set whose
    tenancy had ended by then, as was known; in neither. `known`: new rows of contracts or accounts that are known here,
    None where the rows are such themselves (then it is `common`).
    """

    held: int
    staged: int
    common: int
    refused: int = 0
    dripped: int = 0
    ended: int = 0
    known: int | None = None

    @property
    def disappearing(self) -> int:
        """Rows that would go missing, and nobody said they would."""
        return max(0, self.held - self.common - self.refused - self.ended)


@dataclass(frozen=True, slots=True)
class Ages:
    """When the new data and the last applied were true at the source; `group`: the dates in their names, if any."""

    as_of: datetime
    last_as_of: datetime
    group: str = ""
    last_group: str = ""

    @property
    def months(self) -> int:
        """How many rent calls may lie between the two: one, and one more for each month begun."""
        days = max(0, (self.as_of - self.last_as_of).days)
        return 1 + ceil(days / _DAYS_OF_A_MONTH) if days > 1 else 1


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """New money beside what is usual, in cents. `rent_roll`: a month's price components of the running contracts."""

    new_debits_cents: int = 0
    rent_roll_cents: int = 0
    old_held: int = 0
    old_changed: int = 0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why data is held: the rule, what was found, what would have been taken, and a sentence for a person."""

    rule: Rule
    figure: int | str
    limit: int | str
    sentence: str


def judge_snapshot(facts: SnapshotFacts, limits: GuardLimits, *, noun: str, anchors: bool) -> list[Reason]:
    """What is suspicious about a whole set. `anchors`: other things hang on its rows (contracts, accounts …), so that
    few may go; rows that live and die with their parent are only counted."""
    losses = _disappearing if anchors else _fewer_rows
    return [*_wrong_landlord(facts, limits, noun), *losses(facts, limits, noun)]


def _disappearing(facts: SnapshotFacts, limits: GuardLimits, noun: str) -> Iterator[Reason]:
    limit = max(limits.disappearing_rows, int(limits.disappearing_share * facts.held))
    gone, added_up = facts.disappearing, facts.disappearing + facts.dripped
    if gone > limit:
        text = f"{facts.staged:,} rows, held are {facts.held:,}: {gone:,} {noun} would disappear (limit {limit:,})"
        yield Reason("disappearing", gone, limit, text)
    elif gone and added_up > limit:
        text = f"{gone:,} {noun} would disappear, {added_up:,} within {limits.drip_days} days (limit {limit:,})"
        yield Reason("slow_drip", added_up, limit, text)


def _fewer_rows(facts: SnapshotFacts, limits: GuardLimits, noun: str) -> Iterator[Reason]:
    limit = max(limits.fewer_rows, int(limits.fewer_share * facts.held))
    fewer = min(facts.held - facts.ended - facts.staged - facts.refused, facts.disappearing)
    if fewer > limit:
        text = f"{facts.staged:,} rows of {noun}, held are {facts.held:,}: {fewer:,} fewer (limit {limit:,})"
        yield Reason("fewer_rows", fewer, limit, text)


def _wrong_landlord(facts: SnapshotFacts, limits: GuardLimits, noun: str) -> Iterator[Reason]:
    """Of the smaller set, few are in the other: so that neither a cut file nor a merger looks like a stranger's; nor do
    the new rents of an indexation, which are of known contracts."""
    smaller = min(facts.held, facts.staged)
    known = facts.common if facts.known is None else facts.known
    if smaller < _TOO_FEW_TO_COMPARE or known >= limits.known_share * smaller:
        return
    least = ceil(limits.known_share * smaller)
    text = (
        f"only {known:,} of {facts.staged:,} {noun} are known here (at least {least:,} expected): "
        "is this another landlord's file?"
    )
    yield Reason("wrong_landlord", known, least, text)


def judge_source(*, before: str, now: str, held: int, noun: str) -> list[Reason]:
    """A feed that reads another connector, to which nothing of what is `held` is known: all of it would come twice."""
    if not held:
        return []
    text = f"{noun} came from {before} until now, and none of the {held:,} held is known to {now}: all would come twice"
    return [Reason("another_erp", now, before, text)]


def judge_age(ages: Ages) -> list[Reason]:
    """A snapshot older than the one applied last. Dates in names are compared where both are of one form."""
    if ages.group and len(ages.group) == len(ages.last_group) and ages.group != ages.last_group:
        is_old, new, last = ages.group < ages.last_group, _day(ages.group), _day(ages.last_group)
    else:
        is_old = ages.as_of < ages.last_as_of
        new, last = (f"{one:%Y-%m-%d %H:%M} UTC" for one in (ages.as_of, ages.last_as_of))
    if not is_old:
        return []
    return [Reason("stale", new, last, f"the data is of {new}, older than the last applied, of {last}")]


def judge_days(last_seen: date, days: Days) -> list[Reason]:
    """Days that neither the last window nor this one speaks of: what happened on them was never told."""
    lost = hole(last_seen, days)
    if lost is None:
        return []
    text = f"nothing was brought of {lost}: ask for a longer window, or the entries of these days stay unknown"
    return [Reason("window_gap", str(lost), f"{days.first}", text)]


def _day(group: str) -> str:
    """A date in a name, without the midnight it has in ISO form."""
    return group.removesuffix("T00:00:00")


def judge_ledger(facts: LedgerFacts, ages: Ages, limits: GuardLimits) -> list[Reason]:
    """What is suspicious about ledger entries, delta or snapshot. Nights on which rent is called must pass."""
    found = []
    debit_limit = max(limits.debit_floor_cents, int(limits.debit_factor * facts.rent_roll_cents * ages.months))
    if facts.rent_roll_cents > 0 and facts.new_debits_cents > debit_limit:
        new, most = _euros(facts.new_debits_cents), _euros(debit_limit)
        text = f"new debits of {new} where the rent roll makes {_euros(facts.rent_roll_cents)} a month (limit {most})"
        found.append(Reason("new_debits", new, most, text))
    old_limit = max(limits.old_rows, int(limits.old_share * facts.old_held))
    if facts.old_changed > old_limit:
        text = f"{facts.old_changed:,} entries older than {limits.old_days} days would change (limit {old_limit:,})"
        found.append(Reason("old_entries", facts.old_changed, old_limit, text))
    return found


def _euros(cents: int) -> str:
    """For a sentence: whole units, since nobody judges a night by its cents."""
    return f"{cents // 100:,}"
