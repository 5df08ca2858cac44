"""A card number somebody typed where none belongs is in no log line and in no row, whichever door it came through."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest
import structlog

from hub.config.logs import configure_logs
from hub.domain.payment_events import EventKind, PaymentEvent
from hub.sandbox.payments.lyra import _signed_fields
from tenant_api import ids
from tenant_api.ids import Kind

RIVES = "rives-doise"
CARD = "4970100000000154"
WRITTEN = (CARD, "4970 1000 0000 0154", "4970-1000-0000-0154", "4970.1000.0000.0154")
ALLOWED = "https://locataires.example.org/espace/"
EXEMPT = {("payment", "idempotency_key")}
"""Typed references: what a front end names its own request by, kept as it is so that it can be found again."""
_MORE_MEANS = """
[providers.stripe]
plugin = "stripe"
api_base = "@PAYMENTS@"
mode = "TEST"
secret_key = { file = "../sandbox/secrets/pay_rives-doise_stripe_secret_key" }
webhook_secret = { file = "../sandbox/secrets/pay_rives-doise_stripe_webhook_secret" }
network = { private_hosts = ["127.0.0.1"], allow_http = true }

[providers.form]
plugin = "systempay_form"
page = "@PAYMENTS@/vads-payment/"
site_id = "12345671"
mode = "TEST"
key = { file = "../sandbox/secrets/pay_rives-doise_vads_key" }

[providers.payfip]
plugin = "payfip"
client_number = "006101"
mode = "TEST"
service = "@PAYMENTS@/tpa/services/mas_securite/contrat_paiement_securise/PaiementSecuriseService"
page = "@PAYMENTS@/tpa/paiementws.web"
network = { private_hosts = ["127.0.0.1"], allow_http = true }

[providers.transfer]
plugin = "offline"
means = "transfer"
beneficiary = "Rives d'Oise Habitat"
iban = "FR7630006000011234567890189"
bic = "AGRIFRPP"
"""
MEANS = ("card", "pretend", "stripe", "form", "payfip", "transfer")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Every line that the API and the worker log, down to the chattiest."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    root.handlers = []
    configure_logs("DEBUG", stream=stream)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def holds_card(value: Any) -> bool:
    """Whether a card number can be read in it, however it is grouped, and in whatever a column keeps."""
    if isinstance(value, bytes | memoryview):
        value = bytes(value).decode("latin-1")
    shown = value if isinstance(value, str) else json.dumps(value, default=str)
    return CARD in re.sub(r"(?<=\d)[ .\u00a0-](?=\d)", "", shown) or CARD.encode().hex() in shown


def found_in_rows(house: Any) -> set[tuple[str, str]]:
    """Table and column of every value of every table that holds the card number."""
    found, looked = set(), 0
    with house.admin() as conn:
        tables = conn.execute("select tablename from pg_tables where schemaname = 'public' order by 1").fetchall()
        for (table,) in tables:
            rows = conn.execute(f"select * from {table}").fetchall()
            for row in rows:
                looked += 1
                found |= {(table, name) for name, value in row._asdict().items() if holds_card(value)}
    assert looked > 500
    return found


async def with_all_means(house: Any, apply: Any) -> None:
    more = _MORE_MEANS.replace("@PAYMENTS@", house.sandbox.payments.url)
    await apply(house, RIVES, lambda text: text.replace("\n[feeds.sites]\n", f"{more}\n[feeds.sites]\n"))


def test_a_card_number_would_be_found() -> None:
    for text in WRITTEN:
        assert holds_card(f"x{text}y")
        assert holds_card({"a": [text]})
        assert holds_card(text.encode())
    assert not holds_card("************0154")


async def test_what_a_tenant_types_into_the_api_is_kept_nowhere(
    house: Any, rich: Any, apply: Any, log: io.StringIO
) -> None:
    await with_all_means(house, apply)
    account = ids.encode(Kind.ACCOUNT, rich.account)
    part = {"accountId": account, "amount": "12.00"}
    start = """mutation ($i: StartPaymentInput!, $k: String!) { startPayment(input: $i, idempotencyKey: $k) {
      __typename } }"""
    node = "query ($id: ID!) { node(id: $id) { id } }"
    for number, card in enumerate(WRITTEN):
        sound = {"parts": [part], "means": "pretend", "returnUrl": ALLOWED}
        for changed in (
            {"means": card},
            {"returnUrl": f"{ALLOWED}?card={card}"},
            {"returnUrl": f"{ALLOWED}{quote(card)}"},
            {"returnUrl": card},
            {"currency": card},
            {"settle": [card]},
            {"parts": [{"accountId": card, "amount": "12.00"}]},
            {"parts": [{"accountId": account, "amount": card}]},
            {"pan": card},
        ):
            await house.ask(rich, start, i=sound | changed, k=f"key-number-{number}")
        await house.ask(rich, node, id=card)
        await house.ask(rich, node, id=account, pan=card)
        await house.ask(rich, start, i=sound, k=f"my card {card}")
        for document in (
            f'{{ node(id: "{card}") {{ id }} }}',
            f"# {card}\n{{ __typename }}",
            f"{{ {card} }}",
            f"query Q{CARD} {{ __typename }}",
            f'mutation {{ cancelPayment(id: "{card}") {{ id }} }}',
            f"query ($a: String = {json.dumps(card)}) {{ __typename @skip(if: $a) }}",
        ):
            await house.ask(rich, document)
        headers = {**rich.headers, "Accept-Language": card, "User-Agent": card, "X-Card": card, "Cookie": card}
        body = {"query": "{ __typename }", "operationName": card}
        await house.http.post(f"/{RIVES}/graphql", json=body, headers=headers)
        await house.http.post(f"/{RIVES}/graphql", content=card, headers={"Content-Type": "application/json"})
        await house.http.post(f"/{RIVES}/graphql", json=body, headers={"Authorization": f"Bearer {CARD}{CARD}"})
        await house.http.get(f"/{RIVES}/graphql", params={"query": f'{{ node(id: "{card}") {{ id }} }}'})
        for path in (f"/{quote(card)}/graphql", f"/{RIVES}/documents/{quote(card)}", f"/{quote(card)}"):
            await house.http.get(path)
    await house.ask(rich, start, i={"parts": [part], "means": "pretend", "returnUrl": ALLOWED}, k=CARD)
    await house.work()
    assert found_in_rows(house) <= EXEMPT
    assert [line for line in log.getvalue().splitlines() if holds_card(line)] == []
    assert "request" in log.getvalue()


async def test_what_comes_to_the_webhooks_and_returns_is_kept_nowhere(
    house: Any, rich: Any, apply: Any, log: io.StringIO
) -> None:
    """Unsigned, and where a provider can be made to sign it also signed."""
    await with_all_means(house, apply)
    started = await house.start(rich)
    reference = started["payment"]["reference"]
    house.act(reference)
    for means in MEANS:
        for card in WRITTEN:
            for body in (card.encode(), json.dumps({"pan": card}).encode(), urlencode({"vads_card": card}).encode()):
                headers = {"X-Card": card, "Content-Type": "application/json", "Stripe-Signature": f"t={CARD},v1=x"}
                await house.tell(body, headers, means)
                await house.http.post(f"/{RIVES}/webhooks/{means}", params={"idop": card, "pan": card}, content=body)
                await house.http.post(f"/{RIVES}/returns/{means}/{reference}", params={"pan": card}, content=body)
            await house.http.get(f"/{RIVES}/returns/{means}/{quote(card)}")
    for path in (f"/{RIVES}/webhooks/{CARD}", f"/{CARD}/webhooks/card"):
        await house.http.post(path, content=CARD)
    await house.work()
    await house.tell(*signed_by_lyra(house, reference))
    event = PaymentEvent("x", EventKind.CAPTURED, house.clock.now(), CARD, 1)
    await house.tell(*house.dummy_webhook(CARD, event), "pretend")
    assert len(await house.inbox()) > 50
    await house.pass_time(hours=60)
    assert {state for state, _ in await house.inbox()} <= {"refused", "applied", "noted"}
    assert found_in_rows(house) == set()
    assert [line for line in log.getvalue().splitlines() if holds_card(line)] == []
    assert "webhook" in log.getvalue()


def signed_by_lyra(house: Any, reference: str) -> tuple[bytes, dict[str, str]]:
    """A notification of Lyra's in which a card number stands in every free text."""
    body, headers = house.ipn(reference)
    answer = json.loads(dict(parse_qsl(body.decode()))["kr-answer"])
    answer["customer"] = {"email": f"{CARD}@example.org", "reference": CARD, "billingDetails": {"firstName": CARD}}
    answer["metadata"] = {"note": CARD}
    for one in answer["transactions"]:
        one["errorMessage"] = one["detailedErrorMessage"] = f"refused: {CARD}"
        one["transactionDetails"]["cardDetails"] = {"pan": CARD, "effectiveBrand": CARD}
    shop = house.sandbox.payments.book.shops[f"{RIVES}/lyra"]
    fields = _signed_fields(json.dumps(answer), shop.secrets["password"], "password")
    return urlencode(fields).encode(), headers


@pytest.mark.parametrize("means", MEANS)
async def test_payments_by_every_means_leave_no_card_number(
    house: Any, rich: Any, apply: Any, log: io.StringIO, means: str
) -> None:
    """Begun and looked at: what the provider answers holds none, and no field of ours asks for one."""
    await with_all_means(house, apply)
    await house.start(rich, "12.00", means)
    await house.pass_time(minutes=5)
    assert found_in_rows(house) == set()
    assert [line for line in log.getvalue().splitlines() if holds_card(line)] == []
