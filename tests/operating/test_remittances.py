"""The providers' remittances beside our payments: to the cent, once, and what is not there is shown with its age."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import date
from typing import Any

import pytest

from hub.domain.payment_events import EventKind
from hub.errors import ConflictError, InvalidAskError, NotFoundError
from hub.paying.export import BOM, COLUMNS, safe
from hub.paying.reconcile import open_report, read_now, remittance_story, suspense
from hub.paying.suspense import assign
from hub.ports import Settlement, SettlementLine

SLUG, DAY = "aubes", date(2026, 11, 20)


def line(kind: Any, gross: int, *, of: Any = None, fee: int = 0, transaction: str = "") -> SettlementLine:
    return SettlementLine(kind, gross, fee, of.reference if of else "", transaction, DAY)


async def remit(office: Any, *lines: SettlementLine, ref: str = "R1", net: int | None = None, day: date = DAY) -> Any:
    """A remittance the provider gives, read."""
    added_up = sum(one.gross_cents - one.fee_cents for one in lines)
    office.till.remittances.append(Settlement(ref, day, added_up if net is None else net, lines))
    await read_now(office.parts, SLUG)
    return await remittance_story(office.parts, SLUG, ref)


def states(found: Any) -> list[tuple[str, str]]:
    return [(one.row.state, one.row.reason) for one in found.lines]


async def test_a_remittance_holds_what_was_paid_less_fees(office: Any) -> None:
    first, second = await office.paid(), await office.paid(12_345, garage=345)

    found = await remit(
        office, line("payment", 30_000, of=first, fee=94), line("payment", 12_345, of=second), line("fee", 0, fee=500)
    )

    assert states(found) == [("matched", ""), ("matched", ""), ("fee", "")]
    assert (found.sums.gross_cents, found.sums.fee_cents, found.row.difference_cents) == (42_345, 594, 0)
    shown = await office.type("settlements", "show", SLUG, "R1")
    assert "417.51 EUR paid out on 2026-11-20" in shown.out
    assert f"{second.reference}  411001, 411002  matched" in shown.out
    story = await office.type("payments", "show", SLUG, first.reference)
    assert "remittance R1 of 2026-11-20, line 1: payment 300.00 less 0.94 fee, matched" in story.out


async def test_a_remittance_read_again_is_kept_once(office: Any) -> None:
    held = await office.paid()
    await remit(office, line("payment", 30_000, of=held))
    again = await office.type("settlements", "read", SLUG)
    assert "card: 0 new remittances" in again.out
    assert len(await office.rows("select from settlement_line")) == 1


@pytest.mark.parametrize(
    ("kind", "cents", "reason"),
    [
        ("payment", 29_999, "other_amount"),
        ("refund", -100, "unknown_refund"),
        ("dispute", -30_000, "unknown_dispute"),
        ("other", 5, "unknown_kind"),
    ],
)
async def test_a_line_that_does_not_fit_waits_and_the_provider_is_asked(
    office: Any, kind: str, cents: int, reason: str
) -> None:
    held = await office.paid()
    found = await remit(office, line(kind, cents, of=held))
    assert states(found) == [("suspense", reason)]

    await office.work("payments")
    assert held.reference in office.till.asked


async def test_a_payment_is_settled_once(office: Any) -> None:
    held = await office.paid()
    await remit(office, line("payment", 30_000, of=held))
    assert states(await remit(office, line("payment", 30_000, of=held), ref="R2")) == [("suspense", "settled_before")]
    twice = line("payment", 30_000, of=await office.paid())
    assert states(await remit(office, twice, twice, ref="R3")) == [("matched", ""), ("suspense", "settled_before")]


async def test_a_payment_that_is_not_ours_or_was_not_paid_waits(office: Any) -> None:
    begun = await office.begin()
    strange = SettlementLine("payment", 100, reference="AAAABBBBCCCCDDDD")
    found = await remit(office, strange, line("payment", 30_000, of=begun), SettlementLine("payment", 7))
    assert [reason for _, reason in states(found)] == ["unknown_payment", "not_paid", "unknown_payment"]


async def test_a_line_without_our_reference_is_found_by_its_transaction(office: Any) -> None:
    held = await office.paid(ref="pi_3QK")
    found = await remit(office, line("payment", 30_000, transaction="pi_3QK"))
    assert (found.lines[0].row.state, found.lines[0].payment) == ("matched", held.reference)


async def test_refunds_fit_one_by_one_and_a_late_one_fits_later(office: Any) -> None:
    held = await office.paid()
    await office.hear(held, office.fact(EventKind.REFUNDED, ref="re-1", cents=1_000))
    found = await remit(office, line("refund", -1_000, of=held), line("refund", -2_000, of=held))
    assert states(found) == [("matched", ""), ("suspense", "unknown_refund")]

    await office.hear(held, office.fact(EventKind.REFUNDED, ref="re-2", cents=2_000))
    again = await office.type("settlements", "read", SLUG)

    assert "1 lines found their payment" in again.out
    assert states(await remittance_story(office.parts, SLUG, "R1")) == [("matched", ""), ("matched", "")]


async def test_a_chargeback_and_its_return_fit_the_dispute(office: Any) -> None:
    held = await office.paid()
    await office.hear(held, office.fact(EventKind.DISPUTE_OPENED, ref="dp-1", cents=30_000))
    lost = await remit(office, line("dispute", -30_000, of=held, fee=2_000))
    won = await remit(office, line("dispute", 30_000, of=held), ref="R2")
    more = await remit(office, line("dispute", 30_000, of=held), ref="R3")
    assert [*states(lost), *states(won), *states(more)] == [("matched", "")] * 2 + [("suspense", "unknown_dispute")]


async def test_what_does_not_add_up_is_shown(office: Any) -> None:
    held = await office.paid()
    found = await remit(office, line("payment", 30_000, of=held), net=29_990)
    assert found.row.difference_cents == -10
    assert "its lines do not explain -0.10 of it" in (await office.type("settlements", "show", SLUG, "R1")).out
    assert "-0.10" in (await office.type("settlements", "list", SLUG)).out


async def test_what_no_remittance_holds_is_listed_with_its_age(office: Any) -> None:
    old, settled = await office.paid(), await office.paid(5_000)
    await office.hear(settled, office.fact(EventKind.REFUNDED, ref="re", cents=500))
    office.clock.move(days=7)
    await office.paid(777)
    await remit(office, line("payment", 5_000, of=settled))

    found = await open_report(office.parts, SLUG, days=5)

    assert [(one.item.reference, one.item.kind, one.item.open_cents, one.days) for one in found.items] == [
        (old.reference, "payment", 30_000, 7),
        (settled.reference, "refund", -500, 7),
    ]
    shown = await office.type("settlements", "open", SLUG)
    assert old.reference in shown.out
    assert "295.00 open in all" in shown.out
    assert "7.77" not in shown.out, "it is not old enough"


async def test_a_provider_that_gives_no_remittances_is_named_and_not_compared(office: Any) -> None:
    await office.apply(till="quiet_till")
    await office.paid()
    office.clock.move(days=30)
    shown = await office.type("settlements", "open", SLUG)
    assert "not compared, for they give no remittances: card" in shown.out
    assert "no provider of aubes gives remittances" in str((await office.type("settlements", "read", SLUG)).error)


async def test_every_morning_the_remittances_are_read_once(office: Any) -> None:
    held = await office.paid()
    office.till.remittances.append(Settlement("R1", DAY, 30_000, (line("payment", 30_000, of=held),)))
    for _ in range(2):
        await office.round()
        await office.work()
    assert len(await office.rows("select from job where kind = 'pay.settle'")) == 1
    assert states(await remittance_story(office.parts, SLUG, "R1")) == [("matched", "")]


# --- suspense ---------------------------------------------------------------------------------------------------------


async def test_a_person_says_whose_a_line_is_once(office: Any) -> None:
    held = await office.paid()
    await remit(office, SettlementLine("payment", 30_000, transaction="strange"))
    shown = await office.type("suspense", "list", SLUG)
    assert "unknown_payment" in shown.out

    done = await asyncio.gather(
        *(assign(office.parts, office.bell, SLUG, "R1", 1, payment=held.reference, note="seen", by=by) for by in "ab"),
        return_exceptions=True,
    )

    (told,) = [one for one in done if isinstance(one, Exception)]
    assert isinstance(told, ConflictError)
    assert "it was assigned by" in told.message
    assert await suspense(office.parts, SLUG) == []
    (settled,) = (await office.type("payments", "show", SLUG, held.reference, "--json")).json["settled"]
    assert settled["line"]["state"] == "assigned"
    office.clock.move(days=9)
    assert (await open_report(office.parts, SLUG, days=5)).items == ()


async def test_a_line_of_an_account_is_noted_and_the_erp_is_told_nothing(office: Any) -> None:
    await remit(office, SettlementLine("payment", 100, transaction="strange"))
    said = await office.type("suspense", "assign", SLUG, "R1", "1", "--account", "411002", "--note", "a garage of old")

    assert "line 1 of R1 is of account 411002 now" in said.out
    assert "have it entered there by hand" in said.out
    await office.work()
    assert office.ledger.entered == []
    (row,) = await office.rows("select account_id, payment_id, note, assigned_by from settlement_line")
    assert (row.account_id, row.payment_id, row.note) == (office.ids["garage"], None, "a garage of old")


async def test_a_chargeback_nobody_told_of_is_lost_once_a_person_says_so(office: Any) -> None:
    held = await office.paid()
    await office.work()
    await remit(office, line("dispute", -30_000, of=held))

    said = await office.type("suspense", "assign", SLUG, "R1", "1", "--payment", held.reference[:6], "--note", "impayé")
    await office.work()

    assert "the payment is charged back" in said.out
    assert (await office.payment(held.id)).state == "charged_back"
    assert [(one.kind, one.amount_cents) for one in office.ledger.entered] == [
        ("payment", 30_000),
        ("reversal", 30_000),
    ]


async def test_an_assignment_names_what_there_is_and_says_why(office: Any) -> None:
    held = await office.paid()
    await remit(office, SettlementLine("payment", 100), line("payment", 30_000, of=held))

    async def wrong(line: int = 1, **how: Any) -> None:
        known = {"note": "seen", "by": "anne", **how}
        await assign(office.parts, office.bell, SLUG, "R1", line, **known)

    with pytest.raises(InvalidAskError, match="needs a note"):
        await wrong(account="411001", note="")
    for both_or_none in ({}, {"account": "411001", "payment": held.reference}):
        with pytest.raises(InvalidAskError, match="a payment's or an account's"):
            await wrong(**both_or_none)
    with pytest.raises(NotFoundError, match="has no account"):
        await wrong(account="9")
    with pytest.raises(NotFoundError, match="no line 7"):
        await wrong(account="411001", line=7)
    with pytest.raises(ConflictError, match="found to be a payment's by itself"):
        await wrong(account="411001", line=2)
    assert len(await suspense(office.parts, SLUG)) == 1


# --- export -----------------------------------------------------------------------------------------------------------


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


async def test_the_export_is_a_table_a_french_spreadsheet_opens(office: Any) -> None:
    held = await office.paid(123_456)
    await remit(
        office, line("payment", 123_456, of=held, fee=250), line("refund", -1_000, of=held), ref="=HYPERLINK(1)"
    )

    said = await office.type("settlements", "export", SLUG, "--dates", "fr")
    first, second = table(said.out)

    assert tuple(first) == COLUMNS
    assert (first["gross"], first["fee"], first["net"], first["paid_on"]) == (
        "1234,56",
        "2,50",
        "1232,06",
        "20/11/2026",
    )
    assert (second["gross"], second["state"], second["reason"]) == ("-10,00", "suspense", "unknown_refund")
    assert first["remittance"] == "'=HYPERLINK(1)"
    assert (first["payment"], first["accounts"], first["contracts"]) == (held.reference, "411001", "L/0001")


async def test_an_export_into_a_file_begins_with_a_mark_where_asked(office: Any) -> None:
    held = await office.paid()
    await remit(office, line("payment", 30_000, of=held))
    await remit(office, line("payment", 1), ref="R2", day=date(2026, 11, 21))
    file = office.folder / "remittances.csv"

    said = await office.type("settlements", "export", SLUG, "--until", "2026-11-20", "--bom", "-o", str(file))

    content = file.read_bytes()
    assert "1 remittances, 1 lines" in said.out
    assert content.startswith(BOM.encode())
    assert b"2026-11-20" in content
    assert b"\r\n" in content
    assert len(table(content.decode("utf-8-sig"))) == 1


async def test_a_note_that_would_be_a_formula_is_text(office: Any) -> None:
    held = await office.paid()
    await remit(office, SettlementLine("payment", 30_000, transaction="-2+3"))
    note = "=cmd|' /C calc'!A0;\""
    await assign(office.parts, office.bell, SLUG, "R1", 1, payment=held.reference, note=note, by="@anne")

    (row,) = table((await office.type("settlements", "export", SLUG, "R1")).out)

    assert (row["note"], row["assigned_by"], row["transaction"]) == (f"'{note}", "'@anne", "'-2+3")


@pytest.mark.parametrize("text", ["=1+1", "+33 1", "-x", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "-1.5", "--1", "-"])
def test_what_a_spreadsheet_would_calculate_is_quoted(text: str) -> None:
    assert safe(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "abc", "12,50", "-12,50", "-1200", "1-2", "a=b", "E1"])
def test_what_is_plain_stays_as_it_is(text: str) -> None:
    assert safe(text) == text
