"""The promises about what comes in: webhooks, forged, altered, late or genuine, and what may be kept of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hub.domain.redaction import without_cards
from hub.ports import RawRequest, WebhookRefusedError
from hub.testing.payment_bench import PaymentBench
from hub.testing.payment_suite import PaymentSuite
from hub.testing.promises import promise

CARD = "4970 1000 0000 0154"
"""A card number that passes the check digit; nobody has it."""
_NOBODY = {"name": "Camille Moreau-Test", "address": "12 rue des Lilas", "free text": f"carte {CARD} svp"}


class IncomingContract(PaymentSuite):
    """Part of `PaymentProviderContract`."""

    def test_a_genuine_webhook_is_about_its_payment(self, bench: PaymentBench) -> None:
        """It is verified, and names our payment by our reference or by the provider's."""
        if bench.capabilities.webhook == "none":
            self._all_refused(bench)
            return
        ask, started, raw = self._notified(bench)
        (heard,) = self._heard(bench, raw)
        named = heard.reference == ask.reference or (heard.provider_ref and heard.provider_ref == started.provider_ref)
        promise(bool(named), f"it is about {heard.reference or heard.provider_ref}")
        self._in_our_words(heard.events)
        promise(bench.capabilities.webhook == "signed" or not heard.events, "a ping proves nothing, yet it says much")

    def test_every_changed_bit_of_a_webhook_is_refused_or_changes_nothing(self, bench: PaymentBench) -> None:
        """Each bit of the body, of the headers and of the query is turned over once."""
        *_, raw = self._notified(bench)
        genuine, believed = self._heard(bench, raw), []
        with bench.open() as provider:
            for what, changed in _one_bit_changes(raw):
                try:
                    heard = list(provider.parse_webhook(provider.verify_webhook(changed)))
                except WebhookRefusedError:
                    continue
                if heard != genuine and (bench.capabilities.webhook == "signed" or heard[0].events):
                    believed.append(what)
        promise(not believed, f"changed and believed: {believed[:5]}")

    def test_a_webhook_without_a_mandatory_field_is_refused(self, bench: PaymentBench) -> None:
        """Also when it is signed again: a missing field is no empty one. An empty message is refused too."""
        *_, raw = self._notified(bench)
        lacking = [("everything", replace(raw, body=b"", query={})), *self.mutilated(raw)]
        promise(bench.capabilities.webhook != "signed" or len(lacking) > 1, "say in `mutilated` which it must have")
        for what, mutilated in lacking:
            with bench.open() as provider:
                try:
                    provider.parse_webhook(provider.verify_webhook(mutilated))
                except WebhookRefusedError as refused:
                    promise(bool(refused.reason), f"without {what} it is refused, but no reason is given")
                else:
                    promise(False, f"without {what} it is believed")

    def test_a_webhook_of_another_time_is_refused(self, bench: PaymentBench) -> None:
        """Where the time is signed: nothing older than ten minutes, nothing from the future."""
        if not self.signs_time:
            pytest.skip("exempt: signs no time")
        *_, raw = self._notified(bench)
        for away in (timedelta(minutes=10), timedelta(minutes=-10)):
            with bench.open() as provider, pytest.raises(WebhookRefusedError):
                provider.verify_webhook(replace(raw, received_at=raw.received_at + away))

    def test_a_webhook_signed_with_another_key_is_refused(self, bench: PaymentBench) -> None:
        """Another landlord's key is worth nothing here."""
        if bench.capabilities.webhook != "signed":
            pytest.skip("exempt: has no signed webhooks")
        *_, raw = self._notified(bench)
        with bench.open(bench.wrong_secrets()) as provider, pytest.raises(WebhookRefusedError):
            provider.verify_webhook(raw)

    def test_what_is_stored_of_a_message_holds_no_card_and_no_person(self, bench: PaymentBench) -> None:
        """`redact` of anything, wherever somebody may have typed it, leaves no card number and nobody's name."""
        shown = [{**_NOBODY}, [_NOBODY], CARD, int(CARD.replace(" ", "")), None]
        try:
            *_, raw = self._notified(bench)
        except pytest.skip.Exception:
            payload: Any = {}
        else:
            with bench.open() as provider:
                payload = provider.verify_webhook(raw).payload
        with bench.open() as provider:
            for given in (*shown, payload, _soiled(payload), {**_NOBODY, "payload": _soiled(payload)}):
                kept = provider.redact(given)
                promise(without_cards(kept) == _as_json(kept), f"a card number is left: {type(given).__name__}")
                promise(_NOBODY["name"] not in repr(kept), "a person's name is left")


def _one_bit_changes(raw: RawRequest) -> Iterator[tuple[str, RawRequest]]:
    for place in range(len(raw.body) * 8):
        yield f"bit {place} of the body", replace(raw, body=_flipped(raw.body, place))
    for what, headers in _changed_values(raw.headers):
        yield what, replace(raw, headers=headers)
    for what, query in _changed_values(raw.query):
        yield what, replace(raw, query=query)


def _changed_values(held: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    for name, value in held.items():
        content = value.encode()
        for place in range(len(content) * 8):
            changed = _flipped(content, place).decode("utf-8", "replace")
            yield f"bit {place} of {name}", {**held, name: changed}


def _flipped(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def _soiled(payload: Any) -> Any:
    """The payload with a card number in each of its texts."""
    if isinstance(payload, Mapping):
        return {name: _soiled(item) for name, item in payload.items()} | {"note": dict(_NOBODY)}
    if isinstance(payload, list | tuple):
        return [_soiled(item) for item in payload]
    return f"{payload} {CARD}" if isinstance(payload, str) else payload


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _as_json(item) for name, item in value.items()}
    return [_as_json(item) for item in value] if isinstance(value, list | tuple) else value
