"""The promises of a connector that posts payments; part of `ErpConnectorContract`."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, ClassVar

import pytest

from hub.errors import HubError, NotSupportedError, RetryableError, SetupError
from hub.ports import Posting, PostingBatch, PostingResult
from hub.testing.bench import Bench, told
from hub.testing.fakes import FakeClock
from hub.testing.promises import promise

_numbers = itertools.count(1)


class PostingPromises:
    """`posting`: fields of a payment that the ERP takes (`account_ref`, `method`, …); without it these promises are
    exempt. `refused_posting`: what is changed in it so that the ERP refuses it for good. Override `entered` to say how
    often the ERP has a reference, `settle` to let it take what was delivered.
    """

    posting: ClassVar[Mapping[str, Any]] = {}
    refused_posting: ClassVar[Mapping[str, Any]] = {}
    nowhere: ClassVar[Mapping[str, Any]] = {}

    def entered(self, bench: Bench, reference: str) -> int | None:
        """How often the ERP has entered it; None where that cannot be seen."""
        return None

    def settle(self, bench: Bench) -> None:
        """Let the ERP take what was delivered (files). Default: it takes it at once."""

    def test_what_it_does_not_post_is_refused_with_a_reason(self, bench: Bench) -> None:
        """Where `push_of` says that it is not set up to post, posting gives NotSupportedError with a "because"."""
        settings = bench.check_settings(bench.settings)
        push = bench.connector.push_of(settings)
        batch = PostingBatch(0, FakeClock().now().date(), [])
        with bench.open() as connector:
            for able, call in ((push, connector.post), (push and push.read_back, connector.find_postings)):
                if not able:
                    with pytest.raises(NotSupportedError, match="because"):
                        call(batch)

    def test_what_was_never_posted_is_absent(self, bench: Bench) -> None:
        """`find_postings` tells nothing of what the ERP never saw but that it is absent."""
        batch = self._batch(bench, 2)
        self._outcomes(batch, self._find(bench, batch), "absent")

    def test_a_payment_is_posted_once_and_then_found(self, bench: Bench) -> None:
        """Absent, posted, found; and what the ERP has once it is told again (after a kill) is still one."""
        batch = self._batch(bench, 1)
        self._outcomes(batch, self._post(bench, batch), "posted", "sent")
        self.settle(bench)
        self._outcomes(batch, self._find(bench, batch), "posted", "sent")
        self._outcomes(batch, self._post(bench, batch), "posted", "sent")
        self.settle(bench)
        count = self.entered(bench, batch.postings[0].reference)
        promise(count in (None, 1), f"a payment that was posted twice is entered {count} times")

    def test_results_come_one_for_each_posting_in_order(self, bench: Bench) -> None:
        """Also where one of them is refused: a refusal is a result, not an exception, and holds up no other."""
        batch = self._batch(bench, 3)
        bad = replace(batch.postings[1], **self.refused_posting)
        batch = replace(batch, postings=[batch.postings[0], bad, batch.postings[2]])
        results = self._post(bench, batch)
        promise([one.reference for one in results] == [one.reference for one in batch.postings], f"order: {results}")
        self.settle(bench)
        if results[0].outcome == "sent":
            results = self._find(bench, batch)
        self._outcomes(batch, [results[0], results[2]], "posted", "sent")
        if self.refused_posting and results[1].outcome != "sent":
            promise(results[1].outcome == "refused" and results[1].terminal, f"it ought to be refused: {results[1]}")
            promise(bool(results[1].code or results[1].message), "a refusal that says nothing")

    def test_nobody_at_the_other_end_says_nothing_of_a_posting(self, bench: Bench) -> None:
        """With nobody there posting and asking raise a RetryableError: an absent ERP is no "absent"."""
        if not self.nowhere:
            pytest.skip("exempt: `nowhere` is not set")
        batch = self._batch(bench, 1)
        for name in ("post", "find_postings"):
            with bench.open(self.nowhere, folder="nowhere") as connector, pytest.raises(RetryableError):
                getattr(connector, name)(batch)

    def test_no_secret_shows_when_a_posting_fails(self, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
        """With wrong secrets posting raises a SetupError; no secret stands in it, in a log line, or in a result."""
        batch = self._batch(bench, 1)
        caplog.set_level(logging.DEBUG)
        shown = repr(self._post(bench, batch))
        if wrong := bench.wrong_secrets():
            with bench.open(wrong) as connector, pytest.raises(HubError) as caught:
                connector.post(self._batch(bench, 1))
            promise(isinstance(caught.value, SetupError), f"{caught.type.__name__} is not a SetupError")
            shown += told(caught.value)
        for secret in (*bench.secrets(), *wrong.values()):
            promise(secret not in shown + caplog.text, "a secret shows when a payment is posted")

    # -- helpers -------------------------------------------------------------------------------------------------------

    def _batch(self, bench: Bench, size: int) -> PostingBatch:
        if not self.posting or bench.connector.push_of(bench.check_settings(bench.settings)) is None:
            pytest.skip("exempt: posts no payments")
        number, day = next(_numbers), FakeClock().now().date()
        return PostingBatch(number, day, [self._payment(number, place, day) for place in range(size)])

    def _payment(self, number: int, place: int, day: date) -> Posting:
        fields = {"kind": "payment", "account_number": "1", "amount_cents": 100 + place, "paid_on": day, **self.posting}
        return Posting(reference=f"CONTRACT{number:06d}N{place}", **fields)

    def _post(self, bench: Bench, batch: PostingBatch) -> Sequence[PostingResult]:
        with bench.open() as connector:
            return connector.post(batch)

    def _find(self, bench: Bench, batch: PostingBatch) -> Sequence[PostingResult]:
        push = bench.connector.push_of(bench.check_settings(bench.settings))
        if push is None or not push.read_back:
            pytest.skip("exempt: says nothing of what was posted")
        with bench.open() as connector:
            return connector.find_postings(batch)

    def _outcomes(self, batch: PostingBatch, results: Sequence[PostingResult], *allowed: str) -> None:
        for result in results:
            promise(result.outcome in allowed, f"{result.reference} is {result}, not {' or '.join(allowed)}")
            promise(result.reference in {one.reference for one in batch.postings}, f"{result} is of no posting")
