"""The payment contract is worth its name: a provider that breaks a promise turns the promise's test red."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

CAUGHT_BY = {
    "poll_denied": "test_what_it_cannot_do_is_refused_with_a_reason",
    "begins_twice": "test_two_starts_with_one_key_begin_one_payment",
    "other_ids": "test_what_it_says_of_a_payment_stays_said",
    "half_cents": "test_what_it_says_of_a_payment_stays_said",
    "echoes_the_ask": "test_money_that_is_not_what_was_asked_for_is_told",
    "invents": "test_an_unknown_payment_is_not_found",
    "trusts_all": "test_every_changed_bit_of_a_webhook_is_refused_or_changes_nothing",
    "any_key": "test_a_webhook_signed_with_another_key_is_refused",
    "timeless": "test_a_webhook_of_another_time_is_refused",
    "lenient": "test_a_webhook_without_a_mandatory_field_is_refused",
    "keeps_all": "test_what_is_stored_of_a_message_holds_no_card_and_no_person",
    "refunds_again": "test_a_refund_is_given_once_per_key",
    "cannot_cancel": "test_a_canceled_payment_is_over",
    "shows_secret": "test_nothing_shows_a_secret_when_printed",
    "logs_secret": "test_no_secret_reaches_a_log_or_an_error",
    "other_flow": "test_a_start_gives_something_to_do_and_says_so",
    "no_help": "test_its_settings_explain_themselves_and_leave_the_hubs_words_alone",
}
SUITE = """
import itertools, json, logging
from dataclasses import replace
from pydantic import SecretStr
from hub.domain.payment_events import EventKind
from hub.errors import NotSupportedError
from hub.ports import Form, RawRequest, Verified
from hub.testing.payment_contract import PaymentProviderContract
from payment_providers.dummy import DummyProvider
from payment_providers.dummy.settings import DummySettings
from payment_providers.dummy.webhooks import TIMESTAMP, resigned, signed
import pytest

KEY, numbers = "dummy-webhook-key-0123456789", itertools.count()


class PollDenied(DummyProvider):
    capabilities = replace(DummyProvider.capabilities, poll=False)

class BeginsTwice(DummyProvider):
    def start(self, ask, key):
        return replace(super().start(ask, key), provider_ref=f"tx{next(numbers)}")

class OtherIds(DummyProvider):
    def fetch(self, ref):
        return [replace(one, id=f"{one.id}{next(numbers)}") for one in super().fetch(ref)]

class HalfCents(DummyProvider):
    def fetch(self, ref):
        return [replace(one, amount_cents=one.amount_cents and one.amount_cents / 1) for one in super().fetch(ref)]

class EchoesTheAsk(DummyProvider):
    def fetch(self, ref):
        found = super().fetch(ref)
        return [replace(one, amount_cents=one.amount_cents and ref.amount_cents) for one in found]

class Invents(DummyProvider):
    def fetch(self, ref):
        return [replace(one, kind=EventKind.CAPTURED) for one in super().fetch(ref)]

class TrustsAll(DummyProvider):
    def verify_webhook(self, raw):
        return Verified(json.loads(raw.body))

class AnyKey(DummyProvider):
    def verify_webhook(self, raw):
        self.settings = DummySettings(webhook_key=SecretStr(KEY))
        return super().verify_webhook(raw)

class Timeless(DummyProvider):
    def verify_webhook(self, raw):
        from datetime import UTC, datetime
        stamp = datetime.fromtimestamp(int(raw.headers[TIMESTAMP]), UTC)
        return super().verify_webhook(replace(raw, received_at=stamp))

class Lenient(DummyProvider):
    def verify_webhook(self, raw):
        content = {"id": "x", "reference": "", "kind": "captured", "ref": "t", "amount_cents": 1, "currency": "EUR",
                   "at": "2026-11-20T09:00:00+00:00", **json.loads(raw.body or b"{}")}
        return Verified(content)

class KeepsAll(DummyProvider):
    def redact(self, payload):
        return payload

class RefundsAgain(DummyProvider):
    def refund(self, ask):
        return super().refund(replace(ask, key=f"{ask.key}{next(numbers)}"))

class CannotCancel(DummyProvider):
    def cancel(self, ref, key):
        return []

class ShowsSecret(DummyProvider):
    def __repr__(self):
        return f"Dummy({self.settings.webhook_key.get_secret_value()})"

class LogsSecret(DummyProvider):
    def start(self, ask, key):
        logging.getLogger("x").debug("key %s", self.settings.webhook_key.get_secret_value())
        return super().start(ask, key)

class OtherFlow(DummyProvider):
    def start(self, ask, key):
        return replace(super().start(ask, key), action=Form("https://x", {}))

class NoHelp(DummyProvider):
    class settings_model(DummySettings):
        bare: str = "x"


def promises(broken):
    broken.__module__ = "payment_providers.dummy.provider"

    class Contract(PaymentProviderContract):
        provider = broken
        settings = {"webhook_key": KEY}
        signs_time = True

        @pytest.fixture(scope="class")
        @classmethod
        def server(cls):
            return {}

        def tenant_pays(self, bench, ask, started):
            pass

        def webhook(self, bench, ask, started):
            with bench.open() as provider:
                event = DummyProvider.fetch(provider, bench.ref(ask, started))[-1]
            body, headers = signed(KEY, ask.reference, event, bench.clock.now())
            return RawRequest("webhook", body, headers, {}, bench.clock.now())

        def mutilated(self, raw):
            content = json.loads(raw.body)
            body = json.dumps({name: value for name, value in content.items() if name != "amount_cents"}).encode()
            yield "amount_cents", replace(raw, body=body, headers=resigned(KEY, body, raw.headers[TIMESTAMP]))

    return Contract

"""


@pytest.fixture(scope="module")
def red(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """By misdeed, the tests that turned red among those meant to catch it; by "" what turned red of a good one."""
    folder = tmp_path_factory.mktemp("hostile")
    named = {"": "DummyProvider", **{one: "".join(part.title() for part in one.split("_")) for one in CAUGHT_BY}}
    classes = [f"Test_{misdeed} = promises({name})\n" for misdeed, name in named.items() if misdeed]
    good = "class Good(DummyProvider):\n    pass\n\nTest_ = promises(Good)\n"
    good += "Test_.test_its_plugin_says_its_api_and_registers_it = None\n"
    (folder / "test_hostile.py").write_text(SUITE + good + "".join(classes))
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = session\n")
    chosen = ["Test_", *(f"Test_{misdeed}::{test}" for misdeed, test in CAUGHT_BY.items())]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=r.xml"]
    command += [f"test_hostile.py::{name}" for name in chosen]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stdout + done.stderr
    found: dict[str, set[str]] = {name: set() for name in named}
    for case in ET.parse(folder / "r.xml").iter("testcase"):
        misdeed = case.get("classname", "").partition("Test_")[2]
        if case.find("failure") is not None or case.find("error") is not None:
            found[misdeed].add(case.get("name", ""))
    return found


@pytest.mark.parametrize(("misdeed", "test"), CAUGHT_BY.items())
def test_a_broken_promise_turns_its_test_red(red: dict[str, set[str]], misdeed: str, test: str) -> None:
    assert test in red[misdeed]


def test_a_provider_that_keeps_them_all_is_green(red: dict[str, set[str]]) -> None:
    assert red[""] == set()
