"""What happens to contracts and persons from one day to the next, besides money."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from random import Random

from hub.sandbox.model import Contract, Person, World
from hub.sandbox.names import invent_mobile

# A tenant who gives notice leaves at least a month later, so that the month under way is called as planned.
_NOTICE_DAYS = (31, 92)
_NOTICES_PER_DAY = 0.0004
_MOVES_PER_DAY = 0.004


def live_through(world: World, *, until: date) -> tuple[tuple[Contract, ...], tuple[Person, ...]]:
    """Contracts and persons at the end of `until`, day after day from the world's own."""
    contracts, persons = list(world.contracts), list(world.persons)
    day = world.today
    while day < until:
        day += timedelta(days=1)
        rng = Random(f"{world.seed}/{world.landlord}/day/{day:%Y%m%d}")
        for place in _some(rng, len(contracts), share=_NOTICES_PER_DAY):
            contracts[place] = _give_notice(contracts[place], rng, day=day)
        for place in _some(rng, len(persons), share=_MOVES_PER_DAY, at_least=1):
            persons[place] = replace(persons[place], mobile=invent_mobile(rng))
        contracts = [_grow_older(contract, day=day) for contract in contracts]
    return tuple(contracts), tuple(persons)


def _some(rng: Random, size: int, *, share: float, at_least: int = 0) -> list[int]:
    """Places of some of `size` things; a fraction of one is a chance."""
    wanted = size * share
    return rng.sample(range(size), max(at_least, int(wanted) + (rng.random() < wanted % 1)))


def _give_notice(contract: Contract, rng: Random, *, day: date) -> Contract:
    """Those worth showing (the first ten) stay."""
    out = day + timedelta(days=rng.choice(_NOTICE_DAYS))
    if contract.n < 10 or contract.status != "current" or contract.ends_on:
        return contract
    return replace(contract, status="under_notice", ends_on=out, notice_on=day, move_out_on=out)


def _grow_older(contract: Contract, *, day: date) -> Contract:
    if contract.status == "upcoming" and contract.starts_on <= day:
        return replace(contract, status="current")
    if contract.status == "under_notice" and contract.move_out_on is not None and contract.move_out_on < day:
        return replace(contract, status="ended")
    return contract
