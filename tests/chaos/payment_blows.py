"""The plan of the trial `payments`: the same kinds of blows as for nights, at moments spread over all payments."""

from __future__ import annotations

from random import Random
from typing import Final

from blows import AT_ONCE, CRASHES, Blow

TABLES: Final = ("payment_event", "erp_posting", "payment", "connector_state", "payment_webhook")


def draw_for_payments(seed: int, kills: int, *, workers: int) -> list[Blow]:
    """A plan with so many SIGKILLs: 4 % each of the API, the scheduler and the broker, the rest of whole workers, one
    in ten of these while writes wait; beside them a database crash for every hundred and a flush for every twenty-five.
    """
    chance = Random(f"{seed}/payments")
    each = max(1, kills // 25) if kills >= 10 else 0
    blows = [Blow(kind) for kind in ("api", "scheduler") for _ in range(each)]
    blows += [Blow("broker", pause=chance.uniform(0, 2)) for _ in range(each)]
    left = kills - len(blows)
    while left > 0:
        victims = min(chance.choice(AT_ONCE), workers, left)
        is_caught = chance.random() < 0.1
        blows.append(
            Blow("mid-write" if is_caught else "workers", victims, how=chance.choice(TABLES) if is_caught else "")
        )
        left -= victims
    crashes = max(1, kills // 100) if each else 0
    blows += [Blow("database", pause=chance.uniform(0, 1), how=CRASHES[number % 3]) for number in range(crashes)]
    blows += [Blow("flush") for _ in range(each)]
    chance.shuffle(blows)
    return blows
