"""What cannot be paid: each ends in a typed error, or in a payment that says why; nothing is begun by guess."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from hub.domain.payments import PaymentState
from hub.sandbox.mischief import Order
from hub.store.engine import scope
from hub.store.ids import new_id
from hub.store.tables import external_key
from tenant_api import ids
from tenant_api.ids import Kind

RIVES, TILLEULS = "rives-doise", "cite-des-tilleuls"
PLAIN = """mutation ($i: StartPaymentInput!, $k: String!) {
  startPayment(input: $i, idempotencyKey: $k) { __typename } }"""
ALLOWED = "https://locataires.example.org/espace/"


def written(tenant: Any, key: str = "key-number-1") -> str:
    """A field that begins a payment, without variables."""
    part = f'{{accountId: "{ids.encode(Kind.ACCOUNT, tenant.account)}", amount: "1.00"}}'
    given = f'{{parts: [{part}], means: "card", returnUrl: "{ALLOWED}"}}'
    return f'startPayment(input: {given}, idempotencyKey: "{key}") {{ __typename }}'


async def none_begun(house: Any, landlord: str = RIVES) -> bool:
    return (await house.rows("select count(*) from payment", landlord))[0][0] == 0


# --- amounts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "amount",
    [
        *("0", "0.00", "-1", "-0.01", "0.001", "12.345", "1e-3", "1e30", "NaN", "sNaN", "Infinity", "-Infinity"),
        *("999999999.99", "0.99", "9" * 40),
    ],
)
async def test_an_amount_that_cannot_be_paid_is_refused(house: Any, rich: Any, amount: str) -> None:
    assert await house.start(rich, amount) == {"codes": ["AMOUNT_INVALID"]}
    assert await none_begun(house)


@pytest.mark.parametrize("amount", ["", "twelve", "12,00", "0x10", None, True, [], {}])
async def test_what_is_no_number_is_no_amount(house: Any, rich: Any, amount: Any) -> None:
    assert (await house.start(rich, amount))["codes"] == ["INVALID_VARIABLES"]
    assert await none_begun(house)


async def test_an_amount_above_the_balance_is_refused_and_the_balance_itself_is_not(house: Any, rich: Any) -> None:
    most = rich.owed[rich.account]
    above = f"{(most + 1) // 100}.{(most + 1) % 100:02d}"
    assert await house.start(rich, above) == {"codes": ["AMOUNT_INVALID"]}
    assert (await house.start(rich, f"{most // 100}.{most % 100:02d}", "pretend"))["__typename"].startswith("Payment")
    assert (await house.rows("select sum(amount_cents) from payment"))[0][0] == most


async def test_what_is_paid_in_full_is_not_paid_again(house: Any, rich: Any) -> None:
    most = rich.owed[rich.account]
    whole = f"{most // 100}.{most % 100:02d}"
    if most % 100 in range(1, 9):
        pytest.skip("the dummy takes these cents for an order")
    assert (await house.start(rich, whole, "pretend"))["__typename"] == "PaymentDone"
    assert (await house.start(rich, "1.00", "pretend"))["__typename"] == "PaymentAlreadyPaid"


@pytest.mark.parametrize("currency", ["GBP", "USD", "eur", "", "EUR "])
async def test_another_currency_is_refused(house: Any, rich: Any, currency: str) -> None:
    assert await house.start(rich, currency=currency) == {"codes": ["AMOUNT_INVALID"]}
    assert await none_begun(house)


# --- accounts ---------------------------------------------------------------------------------------------------------


async def test_an_account_of_nobody_or_of_somebody_else_is_not_found(house: Any, rich: Any, neighbour: Any) -> None:
    others = [one for one in house.tenants[RIVES] if rich.account not in one.owed]
    for account in (new_id(), uuid4(), others[0].account, neighbour.account):
        assert await house.start(rich, accounts=[account]) == {"codes": ["NOT_FOUND"]}
    assert await house.start(rich, accounts=[rich.account, others[0].account]) == {"codes": ["NOT_FOUND"]}
    assert await none_begun(house)


async def test_an_id_of_another_kind_is_no_account(house: Any, rich: Any) -> None:
    part = {"accountId": ids.encode(Kind.CONTRACT, rich.account), "amount": "1.00"}
    given = {"parts": [part], "means": "card", "returnUrl": ALLOWED}
    assert await house.codes(rich, PLAIN, i=given, k="12345678") == ["NOT_FOUND"]


async def end_contract(house: Any, tenant: Any, *, balance: int) -> None:
    """The tenant has left, and owes this much. (As a night would bring it.)"""
    async with scope(house.engine, tenant.landlord) as conn:
        of_account = {"account": tenant.account}
        await conn.execute(
            text("""update contract c set status = 'ended', ends_on = '2026-10-31' from account_contract ac
                where ac.contract_id = c.id and ac.account_id = :account"""),
            of_account,
        )
        await conn.execute(
            text("update account set balance_cents = :cents where id = :account"), of_account | {"cents": balance}
        )


async def test_who_has_left_pays_what_is_left_and_nothing_else(house: Any, rich: Any) -> None:
    await end_contract(house, rich, balance=0)
    assert (await house.start(rich))["__typename"] == "PaymentAlreadyPaid"
    await end_contract(house, rich, balance=-500)
    assert (await house.start(rich))["__typename"] == "PaymentAlreadyPaid"
    await end_contract(house, rich, balance=2_000)
    assert await house.start(rich, "20.01") == {"codes": ["AMOUNT_INVALID"]}
    assert (await house.start(rich, "20.00"))["__typename"] == "PaymentRedirect"


async def test_an_account_named_twice_none_and_too_many_are_refused(house: Any, rich: Any) -> None:
    assert await house.start(rich, accounts=[rich.account] * 2) == {"codes": ["AMOUNT_INVALID"]}
    part = {"accountId": ids.encode(Kind.ACCOUNT, rich.account), "amount": "1.00"}
    for parts in ([], [{**part, "accountId": ids.encode(Kind.ACCOUNT, new_id())} for _ in range(6)]):
        given = {"parts": parts, "means": "card", "returnUrl": ALLOWED}
        assert await house.codes(rich, PLAIN, i=given, k="12345678") == ["INVALID_ARGUMENT"]
    assert await none_begun(house)


async def add_account(house: Any, tenant: Any, kind: str, balance: int) -> UUID:
    """A second account of the tenant's contract."""
    account = new_id()
    async with scope(house.engine, tenant.landlord) as conn:
        ids_ = {"new": account, "old": tenant.account, "kind": kind, "cents": balance}
        await conn.execute(
            text("""insert into account (landlord_id, id, source, changed_run, number, kind, balance_cents, balance_on)
                select landlord_id, :new, source, changed_run, number || '-2', :kind, :cents, balance_on
                from account where id = :old"""),
            ids_,
        )
        await conn.execute(
            text("""insert into account_contract (landlord_id, id, source, changed_run, account_id, contract_id)
                select landlord_id, gen_random_uuid(), source, changed_run, :new, contract_id from account_contract
                where account_id = :old limit 1"""),
            ids_,
        )
        row = {"landlord_id": tenant.landlord, "source": "erp", "object_type": "account", "external_id": f"X-{account}"}
        await conn.execute(external_key.insert().values(row | {"object_id": account}))
    return account


async def test_rent_and_garage_are_paid_in_one_go_where_they_share_a_contract(house: Any, rich: Any) -> None:
    garage = await add_account(house, rich, "garage", 5_000)
    started = await house.start(rich, "30.00", accounts=[rich.account, garage])
    assert started["__typename"] == "PaymentRedirect"
    house.act(started["payment"]["reference"])
    await house.pass_time(minutes=2)
    held = await house.payment(started["payment"])
    assert held.amount_cents == 6_000
    postings = await house.postings(held.id)
    assert sorted((one.account_id, one.amount_cents) for one in postings) == sorted(
        [(rich.account, 3_000), (garage, 3_000)]
    )


async def test_accounts_that_share_no_contract_are_not_paid_in_one_go(house: Any, rich: Any, apply: Any) -> None:
    """Nor is an account of a kind its means does not take."""
    garage, deposit = await add_account(house, rich, "garage", 5_000), await add_account(house, rich, "deposit", 5_000)
    assert await house.start(rich, accounts=[deposit]) == {"codes": ["MEANS_UNAVAILABLE"]}
    assert await house.start(rich, accounts=[rich.account, deposit]) == {"codes": ["MEANS_UNAVAILABLE"]}
    await apply(house, RIVES, lambda text: text.replace('plugin = "lyra"', 'plugin = "lyra"\naccounts = ["rent"]'))
    assert await house.start(rich, accounts=[rich.account, garage]) == {"codes": ["MEANS_UNAVAILABLE"]}
    assert (await house.start(rich, accounts=[rich.account]))["__typename"] == "PaymentRedirect"


# --- means ------------------------------------------------------------------------------------------------------------


async def test_a_means_that_is_not_there_or_switched_off_is_refused(house: Any, rich: Any, apply: Any) -> None:
    assert await house.start(rich, means="nothing") == {"codes": ["MEANS_UNAVAILABLE"]}
    await apply(house, RIVES, lambda text: text.replace('plugin = "lyra"', 'plugin = "lyra"\nenabled = false'))
    assert await house.start(rich) == {"codes": ["MEANS_UNAVAILABLE"]}
    assert await none_begun(house)


async def test_a_means_with_a_wrong_password_is_refused_with_its_reason(house: Any, rich: Any, apply: Any) -> None:
    """Nothing can have been begun; the account is free for another means at once."""
    wrong = house.folder / "wrong_password"
    wrong.write_text("testpassword_nonsense")
    await apply(house, RIVES, lambda text: text.replace("../sandbox/secrets/pay_rives-doise_lyra_password", str(wrong)))
    refused = await house.start(rich)
    assert (refused["__typename"], refused["reason"]) == ("PaymentRefused", "provider_misconfigured")
    held = await house.payment(refused["payment"])
    assert (held.state, held.reason) == (PaymentState.FAILED, "provider_misconfigured")
    assert (await house.start(rich, means="pretend"))["__typename"] == "PaymentDone"


@pytest.mark.parametrize("cents", ["01", "07", "08"])
async def test_a_refused_payment_says_why_and_frees_the_account(house: Any, rich: Any, cents: str) -> None:
    refused = await house.start(rich, f"12.{cents}", "pretend")
    reasons = {"01": "insufficient_funds", "07": "refused_by_provider", "08": "left_the_page"}
    assert (refused["__typename"], refused["reason"]) == ("PaymentRefused", reasons[cents])
    assert (await house.start(rich, "12.00", "pretend"))["__typename"] == "PaymentDone"


async def test_a_start_that_hangs_is_told_as_pending_and_resolved(house: Any, rich: Any) -> None:
    pending = await house.start(rich, "12.02", "pretend")
    if pending["__typename"] == "PaymentPending":
        assert pending["reason"] in ("bank_silent", "starting")
    await house.pass_time(minutes=5)
    shown = await house.look(rich, pending["payment"]["id"])
    assert shown["state"] == "SUCCEEDED"
    assert len(await house.postings((await house.payment(shown)).id)) == 1


# --- once only --------------------------------------------------------------------------------------------------------


async def test_a_key_used_again_leads_to_the_same_payment_and_with_another_body_nowhere(house: Any, rich: Any) -> None:
    first = await house.start(rich, key="my-own-key-1")
    again = await house.start(rich, key="my-own-key-1")
    assert first["payment"]["id"] == again["payment"]["id"]
    assert first["url"] == again["url"]
    for other in ({"amount": "13.00"}, {"means": "pretend"}):
        assert await house.start(rich, key="my-own-key-1", **other) == {"codes": ["IDEMPOTENCY_KEY_REUSED"]}
    assert (await house.rows("select count(*) from payment"))[0][0] == 1


@pytest.mark.parametrize("key", ["", "short", "x" * 101, "with blanks in", "é" * 10, "a" * 8 + "\n"])
async def test_a_key_that_is_none_is_refused(house: Any, rich: Any, key: str) -> None:
    given = {"parts": [{"accountId": ids.encode(Kind.ACCOUNT, rich.account), "amount": "1.00"}]}
    given |= {"means": "card", "returnUrl": ALLOWED}
    assert await house.codes(rich, PLAIN, i=given, k=key) == ["INVALID_ARGUMENT"]
    assert await none_begun(house)


async def test_the_same_person_paying_the_same_again_is_led_to_the_open_page(house: Any, rich: Any) -> None:
    first, again = await house.start(rich), await house.start(rich)
    assert (again["__typename"], again["url"]) == ("PaymentRedirect", first["url"])
    assert first["payment"]["id"] == again["payment"]["id"]


async def test_ten_clicks_at_once_begin_one_payment(house: Any, rich: Any) -> None:
    answers = await asyncio.gather(*(house.start(rich) for _ in range(10)))
    assert len({one["payment"]["id"] for one in answers}) == 1
    assert (
        len(house.sandbox.payments.book.store.of_reference("rives-doise/lyra", answers[0]["payment"]["reference"])) == 1
    )


async def test_another_amount_or_another_co_tenant_is_told_of_the_open_one(house: Any, couple: Any) -> None:
    one, other = couple
    first = await house.start(one)
    more = await house.start(one, "13.00")
    assert (more["__typename"], more["code"]) == ("PaymentInProgress", "PAYMENT_IN_PROGRESS")
    assert more["payment"]["id"] == first["payment"]["id"]
    assert more["payment"]["action"]["__typename"] == "PaymentRedirect"  # resume it
    theirs = await house.start(other, accounts=[one.account])
    assert theirs["__typename"] == "PaymentInProgress"
    assert (theirs["payment"]["mine"], theirs["payment"]["action"]) == (False, None)
    cancel = "mutation ($id: ID!) { cancelPayment(id: $id) { state isOpen } }"
    assert await house.codes(other, cancel, id=first["payment"]["id"]) == ["NOT_CANCELABLE"]
    ended = await house.ask(one, cancel, id=first["payment"]["id"])
    assert ended["data"]["cancelPayment"] == {"state": "CANCELED", "isOpen": False}
    assert (await house.start(other, accounts=[one.account]))["__typename"] == "PaymentRedirect"
    assert await house.codes(one, cancel, id=first["payment"]["id"]) == ["NOT_CANCELABLE"]


# --- addresses to come back to ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://locataires.example.org.evil/espace/",
        "https://locataires.example.org@evil.example/espace/",
        "https://user@locataires.example.org/espace/",
        "https://user:pass@locataires.example.org/espace/",
        "http://locataires.example.org/espace/",
        "//locataires.example.org/espace/",
        "//evil.example/espace/",
        "https:///locataires.example.org/espace/",
        "https:\\\\locataires.example.org\\espace\\",
        "https://locataires.example.org\\@evil.example/espace/",
        "https://locataires.example.org/espace\\..\\autre",
        "https://locataires.example.org/espace/../autre",
        "https://locataires.example.org/espace/%2e%2e/autre",
        "https://locataires.example.org/espace/.%2E/autre",
        "https://locataires.example.org/espace/%2E%2e",
        "https://locataires.example.org/espace-autre/",
        "https://locataires.example.org/",
        "https://locataires.example.org:8443/espace/",
        "https://LOCATAIRES.example.org.evil/espace/",
        "https://locataires.example.org/espace/#evil",
        " https://locataires.example.org/espace/",
        "https://locataires.example.org/espace/\r\nSet-Cookie: x",
        "ht\ntps://locataires.example.org/espace/",
        "https://locataires.example.org/espace/\u2028",
        "https://[locataires.example.org/espace/",
        "javascript:alert(1)//locataires.example.org/espace/",
        "data:text/html,x",
        "locataires.example.org/espace/",
        "",
        "https://locataires.example.org/espace/" + "x" * 3_000,
    ],
)
async def test_an_address_the_landlord_did_not_allow_is_refused(house: Any, rich: Any, url: str) -> None:
    assert await house.start(rich, returnUrl=url) == {"codes": ["RETURN_URL_REFUSED"]}
    assert await none_begun(house)


@pytest.mark.parametrize("more", ["", "paye", "a/b?c=d", "..x/y", "a..b", "?payment=1"])
async def test_an_address_below_an_allowed_one_is_taken(house: Any, rich: Any, more: str) -> None:
    assert (await house.start(rich, means="pretend", returnUrl=ALLOWED + more))["__typename"] == "PaymentDone"


# --- documents --------------------------------------------------------------------------------------------------------


async def test_one_document_holds_one_mutation(house: Any, rich: Any) -> None:
    one, other = written(rich), written(rich, "key-number-2")
    for two in (
        f"mutation {{ a: {one} b: {other} }}",
        f"mutation {{ ...A a: {one} }} fragment A on Mutation {{ b: {other} }}",
        f"mutation {{ a: {one} ... on Mutation {{ b: {other} }} }}",
        f"mutation {{ a: {one} ... @include(if: true) {{ b: {other} }} }}",
    ):
        assert await house.codes(rich, two) == ["ONE_MUTATION"]
    assert await none_begun(house)


async def test_a_get_begins_nothing(house: Any, rich: Any) -> None:
    asked = {"query": f"mutation {{ {written(rich)} }}"}
    answer = await house.http.get(f"/{RIVES}/graphql", params=asked, headers=rich.headers)
    assert answer.status_code == 405
    assert await none_begun(house)


async def test_without_a_token_or_with_another_landlords_nothing_is_begun(
    house: Any, rich: Any, neighbour: Any
) -> None:
    asked = {"query": f"mutation {{ {written(rich)} }}"}
    for headers in ({}, neighbour.headers, {"Authorization": "Bearer " + "x" * 43}):
        answer = await house.http.post(f"/{RIVES}/graphql", json=asked, headers=headers)
        assert [one["extensions"]["code"] for one in answer.json()["errors"]] == ["UNAUTHENTICATED"]
    assert await none_begun(house)


# --- the ERP ----------------------------------------------------------------------------------------------------------


async def test_a_closed_period_is_a_posting_a_person_looks_at_and_the_money_stays_in_the_balance(
    house: Any, rich: Any
) -> None:
    before = await house.figures(rich)
    house.sandbox.misbehave(RIVES, Order("post-closed"))
    try:
        started = await house.start(rich, "12.00", "pretend")
        after = await house.figures(rich)
        await house.post()
    finally:
        house.sandbox.behave(RIVES)
    (posting,) = await house.postings((await house.payment(started["payment"])).id)
    assert (posting.state, posting.code) == ("refused", "L-601")
    assert await house.figures(rich) == after != before
    assert (await house.look(rich, started["payment"]["id"]))["booking"] == "STUCK"
    told = await house.rows("select data from domain_event where kind = 'posting.refused'")
    assert [row.data["code"] for row in told] == ["L-601"]
