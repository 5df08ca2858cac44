"""Payments that need a person are told once, then daily, then that they are well: by status, summary and message."""

from __future__ import annotations

from typing import Any

import pytest

from hub.config import LandlordConfig
from hub.store.alert_rows import list_open_alerts
from hub.store.engine import scope
from hub.telling.message import Message
from hub.telling.parts import TellingParts
from hub.telling.rounds import make_round
from hub.telling.send import _composed
from hub.telling.summary import summary_text

SLUG = "aubes"
HOOK = """
[[notify]]
name = "{name}"
webhook = "https://chat.example.org/{name}"
secret = {{ env = "HOOK_SECRET" }}
{more}
"""


def hook(name: str, more: str = "") -> str:
    return HOOK.format(name=name, more=more)


async def asked(office: Any) -> list[tuple[str, str]]:
    """Who is to be told of what, in order."""
    rows = await office.rows("select payload from job where kind = 'notify' order by id")
    return [(row.payload["target"], row.payload["event"]) for row in rows]


async def alerts(office: Any) -> list[tuple[str, str]]:
    async with scope(office.parts.engine, SLUG) as conn:
        return [(one.feed, one.problem) for one in await list_open_alerts(conn, landlord=SLUG)]


def telling(office: Any) -> TellingParts:
    own = office.parts.sync
    return TellingParts(own.engine, own.vault, own.registry, own.clock)


async def message(office: Any, config: LandlordConfig, event: str) -> Message:
    """What the last job of an event says."""
    (row, *_) = await office.rows(
        "select payload from job where payload ->> 'event' = :event order by id desc", event=event
    )
    async with scope(office.parts.engine, SLUG) as conn:
        target = next(one for one in config.notify if one.called == row.payload["target"])
        return await _composed(conn, config, target, row.payload, telling(office))


async def both_rounds(office: Any) -> None:
    await make_round(telling(office))
    await office.round()


async def test_a_stuck_payment_is_told_once_to_those_who_want_to_know(office: Any) -> None:
    await office.apply(
        notify=hook("all") + hook("feeds", 'on = ["held", "failed"]') + hook("money", 'on = ["payments"]')
    )
    await office.paid()
    await both_rounds(office)
    assert (await asked(office), await alerts(office)) == ([], []), "nothing is wrong yet"

    held = await office.paid(came=29_900)
    for _ in range(3):
        await both_rounds(office)

    assert await asked(office) == [("all", "problem"), ("money", "problem")]
    assert await alerts(office) == [("Payments", "payments")], "the round about feeds leaves it alone"

    office.clock.move(days=1, minutes=1)
    await both_rounds(office)
    assert (await asked(office))[2:] == [("all", "reminder"), ("money", "reminder")]

    await office.type("payments", "resolve", SLUG, held.reference, "--accept", "--reason", "fits")
    await both_rounds(office)
    assert (await asked(office))[4:] == [("all", "recovered")], "who wants to know of ends"
    assert await alerts(office) == []


async def test_the_message_says_what_is_stuck_and_where_to_look_and_names_nobody(office: Any) -> None:
    config = await office.apply(notify=hook("all"))
    await office.paid(came=29_900)
    await both_rounds(office)

    told = await message(office, config, "problem")

    assert told.subject == "[aubes] paiements demandent une personne"
    assert "Rien n'est crédité au hasard" in told.text
    assert "payments in review: 1" in told.text
    assert "See: housing-hub payments list aubes --stuck" in told.text
    assert [(one["feed"], one["problem"]) for one in told.plain()["problems"]] == [("Payments", "payments")]
    assert "Durand" not in told.text


async def test_a_landlord_who_stopped_taking_payments_is_still_told_of_old_ones(office: Any) -> None:
    await office.apply(notify=hook("all"))
    held = await office.paid(came=29_900)
    await both_rounds(office)
    path = office.folder / "aubes.toml"
    text = path.read_text().replace('[providers.card]\nplugin = "till"\n', "")
    assert "providers" not in text
    await apply_text(office, text)

    await both_rounds(office)
    assert await alerts(office) == [("Payments", "payments")]

    await office.type("payments", "resolve", SLUG, held.reference, "--accept", "--reason", "fits")
    await both_rounds(office)
    assert await alerts(office) == []


async def apply_text(office: Any, text: str) -> None:
    from hub.config import read_landlord
    from hub.services.apply_config import apply_config

    path = office.folder / "changed.toml"
    path.write_text(text)
    config = read_landlord(path, office.parts.sync.registry, environ={"HOOK_SECRET": "s3cret"})
    await apply_config(office.parts.engine, office.parts.sync.vault, office.clock, config)


async def in_trouble(office: Any) -> None:
    """One of each."""
    await office.paid(came=29_900)
    office.ledger.refuses = "PERIOD_CLOSED"
    held = await office.paid()
    await office.work()
    await office.type("payments", "refund", SLUG, held.reference, "--reason", "twice", "--by", "anne")
    await office.rows(
        """insert into settlement (landlord_id, id, provider, ref, paid_on, net_cents, currency, difference_cents,
            read_at)
        values (:slug, :id, 'card', 'R1', '2026-11-20', 1, 'EUR', 0, now()) returning 1""",
        slug=SLUG, id=held.id,
    )  # fmt: skip
    await office.rows(
        """insert into settlement_line (landlord_id, settlement_id, line, kind, gross_cents, fee_cents, reference,
            transaction, state) values (:slug, :id, 1, 'payment', 1, 0, '', '', 'suspense') returning 1""",
        slug=SLUG, id=held.id,
    )  # fmt: skip


EXPECTED = [
    "payments in review: 1",
    "payments the ERP refused: 1",
    "payments with a refund that waits for a second person: 1",
    "lines of remittances in suspense: 1",
]


async def test_the_status_of_a_landlord_tells_each_matter_with_its_command(office: Any) -> None:
    well = await office.type("status", SLUG)
    assert "payments" not in well.out
    await in_trouble(office)
    await both_rounds(office)

    (status,) = (await office.type("status", SLUG, "--json")).json

    found = {one["text"]: one["do"] for one in status["matters"]}
    assert [text for text in found if text in EXPECTED] == EXPECTED
    assert found["payments in review: 1"] == "housing-hub payments list aubes --stuck"
    assert found["lines of remittances in suspense: 1"] == "housing-hub suspense list aubes"
    assert status["needs_person"]
    assert not [text for text in found if text.startswith("Payments")], "told once, not again as a problem"


async def test_the_daily_summary_tells_them_too(office: Any) -> None:
    config = await office.apply(notify=hook("all"))
    await in_trouble(office)
    await both_rounds(office)

    async with scope(office.parts.engine, SLUG) as conn:
        lines = await summary_text(conn, config, now=office.clock.now())

    assert "Open: nothing" in lines
    assert "payments the ERP refused: 1: housing-hub payments list aubes --stuck" in lines


@pytest.mark.parametrize(("days", "stuck"), [(9, False), (11, True)])
async def test_a_payment_no_entry_shows_is_told_after_the_landlords_days(office: Any, days: int, stuck: bool) -> None:
    await office.paid()
    await office.work()
    office.clock.move(days=days)
    await both_rounds(office)
    assert bool(await alerts(office)) is stuck
    said = await office.type("status", SLUG)
    assert ("payments not in the ledger after 10 days: 1" in said.out) is stuck


async def test_work_on_payments_that_was_given_up_is_told(office: Any) -> None:
    held = await office.begin()
    await office.type("payments", "check", SLUG, held.reference)
    await office.rows("update job set state = 'dead', finished_at = now() where kind = 'pay.check' returning 1")

    await both_rounds(office)

    assert await alerts(office) == [("Payments", "payments")]
    assert "work on it was given up on" in (await office.type("payments", "show", SLUG, held.reference)).out
