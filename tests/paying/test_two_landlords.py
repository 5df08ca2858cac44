"""Two landlords with means of the same names, and even tenants' keys that are the same, know nothing of each other."""

from __future__ import annotations

from typing import Any

import pytest

from hub.domain.payments import PaymentState
from hub.errors import NotFoundError
from hub.paying.hear import hear
from hub.store.engine import scope
from hub.store.payment_rows import find_by_reference, find_payment, list_payments
from tenant_api import ids
from tenant_api.ids import Kind

RIVES, TILLEULS = "rives-doise", "cite-des-tilleuls"
HISTORY = "{ viewer { payments(first: 20) { nodes { id reference } } } }"


async def test_the_same_key_is_another_payment_at_another_landlord(house: Any, rich: Any, neighbour: Any) -> None:
    here = await house.start(rich, means="pretend", key="the-same-key")
    there = await house.start(neighbour, means="pretend", key="the-same-key")
    assert here["payment"]["id"] != there["payment"]["id"]
    for landlord, own in ((RIVES, here), (TILLEULS, there)):
        async with scope(house.engine, landlord) as conn:
            assert [one.reference for one in await list_payments(conn)] == [own["payment"]["reference"]]


async def test_a_tenant_sees_no_payment_of_another_landlord(house: Any, rich: Any, neighbour: Any) -> None:
    here = await house.start(rich, means="pretend")
    there = await house.start(neighbour, means="pretend")
    for tenant, own, other in ((rich, here, there), (neighbour, there, here)):
        shown = (await house.ask(tenant, HISTORY))["data"]["viewer"]["payments"]["nodes"]
        assert [one["id"] for one in shown] == [own["payment"]["id"]]
        look = "query ($id: ID!) { node(id: $id) { id } }"
        assert await house.codes(tenant, look, id=other["payment"]["id"]) == ["NOT_FOUND"]
        cancel = "mutation ($id: ID!) { cancelPayment(id: $id) { id } }"
        assert await house.codes(tenant, cancel, id=other["payment"]["id"]) == ["NOT_FOUND"]


async def test_a_payment_is_found_by_its_own_landlords_webhooks_only(house: Any, rich: Any, neighbour: Any) -> None:
    here = await house.start(rich)
    reference = here["payment"]["reference"]
    async with scope(house.engine, TILLEULS) as conn:
        assert await find_by_reference(conn, reference) is None
        assert await find_payment(conn, provider="card", reference=reference) is None
        with pytest.raises(NotFoundError):
            config = await house.config(TILLEULS)
            await hear(conn, config, ids.decode(here["payment"]["id"])[1], [], channel="webhook", now=house.clock.now())
    house.act(reference)
    answer = await house.come_back(reference, landlord=TILLEULS)
    assert answer.status_code == 404
    await house.work()
    assert (await house.payment(here["payment"])).state is PaymentState.ACTION_REQUIRED


async def test_what_a_provider_remembers_of_one_landlord_is_not_the_others(
    house: Any, rich: Any, neighbour: Any
) -> None:
    here = await house.start(rich, means="pretend")
    there = await house.start(neighbour, means="pretend")
    kept = "select name from connector_state where connector = 'provider.pretend' and name like 'payment:%'"
    for landlord, own in ((RIVES, here), (TILLEULS, there)):
        assert [row.name for row in await house.rows(kept, landlord)] == [f"payment:{own['payment']['reference']}"]


async def test_a_co_tenant_sees_the_payment_and_what_it_is_for_but_not_what_there_is_to_do(
    house: Any, couple: Any
) -> None:
    one, other = couple
    started = await house.start(one)
    shown = await house.look(other, started["payment"]["id"])
    assert (shown["mine"], shown["action"], shown["state"]) == (False, None, "ACTION_REQUIRED")
    assert (await house.look(one, started["payment"]["id"]))["action"] == {"__typename": "PaymentRedirect"}
    assert ids.decode(shown["id"])[0] is Kind.PAYMENT
