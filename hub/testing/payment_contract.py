"""The promises a payment provider keeps, one test method each: subclass `PaymentProviderContract` and run pytest."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.errors import HubError, NotSupportedError, RetryableError, TerminalError
from hub.hookspecs import PLUGIN_API
from hub.ports import Embedded, Form, Instructions, Redirect, RefundAsk
from hub.ports.payments import Method
from hub.testing.bench import no_network, told
from hub.testing.payment_bench import PaymentBench
from hub.testing.payment_incoming import IncomingContract
from hub.testing.payment_suite import MONEY
from hub.testing.promises import promise
from hub.wire.policy import NetworkPolicy

_SECRET_WORDS = ("password", "secret", "token", "api_key", "private_key", "passphrase", "hmac_key", "webhook_key")
_OF_THE_HUB = frozenset({"plugin", "network", "label", "accounts", "note", "order", "enabled"})
_ACTIONS = {"redirect": Redirect, "form": Form, "embedded": Embedded, "instructions": Instructions}


class PaymentProviderContract(IncomingContract):
    """Subclass it, set the attributes, and give a fixture `server` (scope class or wider) that starts what plays the
    provider and yields the settings that lead there.

    `provider`: the class. `settings`: the landlord's, secrets in clear (the server's are added). `nowhere`: settings
    that lead to nobody (a closed port); empty for a provider that uses no network. `signs_time`: its webhooks are
    signed with the time they were sent. `older_settings`: for each older `schema_version`, settings as written then.
    Override what plays the world: `tenant_pays`, `webhook`, `mutilated`.
    """

    # -- what it says of itself ----------------------------------------------------------------------------------------

    def test_it_has_a_plain_name_and_a_summary(self) -> None:
        """`name` is what a landlord writes, `summary` what `housing-hub plugins` shows."""
        name = self.provider.name
        promise(name.isidentifier() and name == name.lower(), f"the name {name!r} is not a lower-case word")
        promise(bool(self.provider.summary.strip()), "the summary is empty: say in one line who takes the money")
        promise(not inspect.isabstract(self.provider), "some abstract methods are not written")

    def test_its_plugin_says_its_api_and_registers_it(self) -> None:
        """`HUB_API` stands in the plugin's module, and `register_payment_providers` returns this class."""
        modules = list(self._modules())
        declared = next((module.HUB_API for module in modules if hasattr(module, "HUB_API")), (0, 0))
        promise(declared[0] == PLUGIN_API[0] and declared[1] <= PLUGIN_API[1], f"HUB_API {declared}, hub {PLUGIN_API}")
        hooks = [getattr(module, "register_payment_providers", None) for module in modules]
        registered = [item for hook in hooks if hook is not None for item in hook()]
        promise(self.provider in registered, "register_payment_providers() does not return this class")

    def test_its_settings_explain_themselves_and_leave_the_hubs_words_alone(self, bench: PaymentBench) -> None:
        """Each setting has a help text; a misspelt one is refused; those that are secrets are `SecretStr`."""
        for name, info in self.provider.settings_model.model_fields.items():
            promise(bool(info.description), f"the setting {name} has no help: use setting(…)")
            promise(name not in _OF_THE_HUB, f"the landlord's file uses the word {name} itself")
            if any(word in name for word in _SECRET_WORDS):
                promise("SecretStr" in str(info.annotation), f"the setting {name} is not a SecretStr")
        with pytest.raises(ValidationError):
            bench.check_settings({**bench.settings, "no_such_setting": "1"})

    def test_settings_of_older_versions_are_taken_over(self) -> None:
        """What the hub stored under an older `schema_version` is migrated to settings that are accepted today."""
        model = self.provider.settings_model
        for earlier in range(1, model.schema_version):
            promise(earlier in self.older_settings, f"no settings of version {earlier} to try: give an example")
            model.model_validate(model.migrate(deepcopy(dict(self.older_settings[earlier])), earlier))

    def test_nothing_shows_a_secret_when_printed(self, bench: PaymentBench) -> None:
        """repr and str of the settings and of the provider hold no secret."""
        with bench.open() as provider:
            shown = f"{provider!r}{provider}{provider.settings!r}{provider.settings}{vars(provider)!r}"
        self._no_secret(bench, shown, "repr or str")

    def test_its_capabilities_are_plausible(self, bench: PaymentBench) -> None:
        """Known methods, limits in whole cents, a lifetime; what a webhook is worth and what can be asked fit."""
        for can in (self.provider.capabilities, bench.capabilities):
            promise(bool(can.methods) and set(can.methods) <= set(get_args(Method)), f"methods {can.methods!r}")
            smallest, largest = can.limits_cents
            promise(type(smallest) is int and type(largest) is int, "limits are whole cents")
            promise(0 < smallest <= largest, f"limits from {smallest} to {largest}")
            promise(can.lifetime > timedelta(0), "nobody could pay in no time")
            promise(can.webhook != "ping" or can.poll, "a ping proves nothing: it needs fetch")

    def test_what_it_cannot_do_is_refused_with_a_reason(self, bench: PaymentBench) -> None:
        """Whatever the capabilities deny raises NotSupportedError with a "because", without asking anybody."""
        can, ask = bench.capabilities, bench.ask()
        ref = bench.ref(ask)
        with no_network(), bench.open() as provider:
            calls: dict[str, tuple[bool, Callable[[], Any]]] = {
                "fetch": (can.poll, lambda: provider.fetch(ref)),
                "refund": (can.refund != "none", lambda: provider.refund(RefundAsk(ref, "t", 100, "k"))),
                "cancel": (can.cancel, lambda: provider.cancel(ref, "k")),
                "settlements": (can.settles, lambda: list(provider.settlements(bench.clock.now().date()))),
            }
            for name, (able, call) in calls.items():
                if not able:
                    with pytest.raises(NotSupportedError) as caught:
                        call()
                    promise("because" in str(caught.value), f"{name}: no reason: {caught.value}")

    # -- set-up --------------------------------------------------------------------------------------------------------

    def test_being_made_opens_no_connection(self, bench: PaymentBench) -> None:
        """The constructor does nothing but keep what it is given, and closing twice is harmless."""
        with no_network(), bench.open() as provider:
            provider.close()

    def test_check_finds_a_good_server_good(self, bench: PaymentBench) -> None:
        """Against a good server every step of `check` is ok."""
        with bench.open() as provider:
            findings = list(provider.check())
        failed = [f"{one.step}: {one.detail} → {one.hint}" for one in findings if not one.ok]
        promise(bool(findings) and not failed, f"steps of check fail against a good server: {failed}")

    def test_check_tells_that_nobody_answers(self, bench: PaymentBench) -> None:
        """With nobody at the other end `check` ends in a failed step that says what to do, and raises nothing."""
        with bench.open(self._nowhere()) as provider:
            findings = list(provider.check())
        promise(bool(findings) and not findings[-1].ok and bool(findings[-1].hint), f"found: {findings[-1:]}")

    # -- beginning -----------------------------------------------------------------------------------------------------

    def test_a_start_gives_something_to_do_and_says_so(self, bench: PaymentBench) -> None:
        """The action is the one its flow announces; what it says already is in the hub's words."""
        started = bench.start(bench.ask())
        promise(isinstance(started.action, _ACTIONS[bench.capabilities.flow]), f"another action: {started.action}")
        self._in_our_words(started.events)

    def test_two_starts_with_one_key_begin_one_payment(self, bench: PaymentBench) -> None:
        """Called again by another process, `start` finds what it began before."""
        ask = bench.ask()
        first, second = bench.start(ask), bench.start(ask)
        promise(first.provider_ref == second.provider_ref, "another payment was begun at the provider")
        promise(first.action == second.action, "the tenant is shown another page for the same payment")
        promise({one.id for one in first.events} <= {one.id for one in second.events}, "what was said is said anew")

    def test_a_dead_server_is_tried_again_later(self, bench: PaymentBench) -> None:
        """With nobody there every call raises a RetryableError, whatever the library below raised."""
        nowhere, begun = self._nowhere(), bench.ask()
        ref = bench.ref(begun, bench.start(begun))
        with bench.open(nowhere) as provider, pytest.raises(RetryableError):
            provider.start(bench.ask(), "dead")
        if bench.capabilities.poll:
            with bench.open(nowhere) as provider, pytest.raises(RetryableError):
                provider.fetch(ref)

    def test_it_goes_nowhere_the_landlord_has_not_allowed(self, bench: PaymentBench) -> None:
        """Private addresses are refused unless the landlord allows them: use the clients of `hub.wire`."""
        self._nowhere()
        closed = NetworkPolicy(total_seconds=10, connect_seconds=2, read_seconds=2)
        with bench.open(network=closed) as provider, pytest.raises(HubError) as caught:
            provider.start(bench.ask(), "closed")
        promise(not isinstance(caught.value, RetryableError), f"it would be tried again: {caught.value}")

    # -- asking --------------------------------------------------------------------------------------------------------

    def test_an_unknown_payment_is_not_found(self, bench: PaymentBench) -> None:
        """`fetch` of what was never begun says NOT_FOUND once it can be sure, or raises; it tells of no money."""
        if not bench.capabilities.poll:
            pytest.skip("exempt: cannot be asked")
        ref = replace(bench.ref(bench.ask()), started_at=bench.clock.now() - timedelta(days=2))
        try:
            kinds = [event.kind for event in bench.fetch(ref)]
        except HubError:
            return
        promise(kinds == [EventKind.NOT_FOUND], f"of an unknown payment it says {kinds}")

    def test_what_it_says_of_a_payment_stays_said(self, bench: PaymentBench) -> None:
        """Two fetches give the same facts under the same ids, in the hub's words and in whole cents."""
        if not bench.capabilities.poll:
            pytest.skip("exempt: cannot be asked")
        ask, started = self._paid(bench)
        first, second = (bench.fetch(bench.ref(ask, started)) for _ in range(2))
        self._in_our_words(first)
        promise([one.id for one in first] == [one.id for one in second], "the ids differ the second time")
        captured = [one.amount_cents for one in first if one.kind is EventKind.CAPTURED]
        promise(captured == [ask.amount_cents], f"paid {ask.amount_cents} cents, captured {captured}")

    def test_money_that_is_not_what_was_asked_for_is_told(self, bench: PaymentBench) -> None:
        """Asked about another amount than came, `fetch` reports what came, or a mismatch: never what was asked."""
        if not bench.capabilities.poll:
            pytest.skip("exempt: cannot be asked")
        ask, started = self._paid(bench)
        other = replace(bench.ref(ask, started), amount_cents=ask.amount_cents + 1)
        found = bench.fetch(other)
        wrong = [one for one in found if one.kind in MONEY and one.amount_cents == other.amount_cents]
        promise(not wrong, "it reports the amount that was asked, not the one that came")

    def test_a_refund_is_given_once_per_key(self, bench: PaymentBench) -> None:
        """The same key gives back once, another key again; the refund tells its own transaction."""
        if bench.capabilities.refund == "none":
            pytest.skip("exempt: gives no refunds")
        ask, started = self._paid(bench)
        ref = bench.ref(ask, started)
        paid = next(one for one in bench.fetch(ref) if one.kind is EventKind.CAPTURED)
        part = ask.amount_cents // 5 if bench.capabilities.refund == "partial" else ask.amount_cents
        once, twice = (bench.refund(ref, paid.ref, part, f"refund-{ask.reference}") for _ in range(2))
        promise(_refunded(once) == _refunded(twice) == part, f"given back: {_refunded(once)}, then {_refunded(twice)}")
        if part < ask.amount_cents:
            more = bench.refund(ref, paid.ref, part, f"another-{ask.reference}")
            promise(_refunded(more) == 2 * part, f"after a second refund: {_refunded(more)}")
        with pytest.raises(TerminalError):
            bench.refund(ref, paid.ref, ask.amount_cents, f"too-much-{ask.reference}")

    def test_a_canceled_payment_is_over(self, bench: PaymentBench) -> None:
        """After `cancel` nobody can pay any more, and canceling twice changes nothing."""
        if not bench.capabilities.cancel:
            pytest.skip("exempt: cannot cancel")
        ask = bench.ask()
        ref = bench.ref(ask, bench.start(ask))
        for _ in range(2):
            with bench.open() as provider:
                kinds = {event.kind for event in provider.cancel(ref, f"cancel-{ask.reference}")}
            promise(bool(kinds & {EventKind.CANCELED, EventKind.EXPIRED, *MONEY}), f"after cancel: {sorted(kinds)}")

    def test_remittances_add_up_to_the_cent(self, bench: PaymentBench) -> None:
        """The lines of each, fees taken off, are what the bank account gets."""
        if not bench.capabilities.settles:
            pytest.skip("exempt: gives no remittances")
        with bench.open() as provider:
            found = list(provider.settlements(bench.clock.now().date() - timedelta(days=40)))
        for one in found:
            total = sum(line.gross_cents - line.fee_cents for line in one.lines)
            promise(type(one.net_cents) is int and one.net_cents == total, f"{one.ref}: {total} is not {one.net_cents}")

    # -- secrets -------------------------------------------------------------------------------------------------------

    def test_no_secret_reaches_a_log_or_an_error(self, bench: PaymentBench, caplog: pytest.LogCaptureFixture) -> None:
        """At the most talkative log level, with right secrets and with wrong ones, none is written."""
        caplog.set_level(logging.DEBUG)
        wrong, said = bench.wrong_secrets(), ""
        for settings in ({}, wrong, self.nowhere):
            with bench.open(settings) as provider:
                findings = "".join(map(repr, provider.check()))
                try:
                    provider.start(bench.ask(), "quiet")
                except HubError as error:
                    findings += told(error)
            said += findings
        self._no_secret(bench, said + caplog.text, "a finding, an error or a log line", *wrong.values())


def _refunded(events: Sequence[PaymentEvent]) -> int:
    return sum(one.amount_cents or 0 for one in events if one.kind is EventKind.REFUNDED)
