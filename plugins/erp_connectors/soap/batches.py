"""Postings in batches of the ERP's own (Yardi's receipt batches): open, add, review, post, or cancel.

A time-out or a kill may come at any step, and a call given up on may still be done later. So before a batch is sent
again the open ones of its name are cancelled: from then on nothing of them can be posted, and what the ERP does not
know by our references after that was never posted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from erp_connectors.posting_values import lookup, values_of, values_of_batch
from erp_connectors.soap.answers import Told, unknown
from erp_connectors.soap.posting import Poster, no_reversals, with_numbers
from erp_connectors.soap.posting_settings import Receipts
from erp_connectors.soap.xml_arguments import filled
from erp_connectors.template import fill, placeholders
from hub.errors import MisconfiguredError
from hub.ports import Posting, PostingBatch, PostingResult

Values = dict[str, Any]


class BatchPoster(Poster):
    """Posts in one batch of the ERP for each site, where its batches are of one site; else in one."""

    @property
    def receipts(self) -> Receipts:
        assert self.settings.batch is not None  # noqa: S101  # this class is only made with one
        return self.settings.batch

    def post(self, batch: PostingBatch) -> list[PostingResult]:
        results: dict[str, PostingResult] = {}
        for site, postings in self._groups(batch.postings).items():
            part = replace(batch, postings=postings)
            results |= {result.reference: result for result in self._post(part, self._values(part, site))}
        return [results[posting.reference] for posting in batch.postings]

    def _groups(self, postings: Sequence[Posting]) -> dict[str, list[Posting]]:
        templates = [call.arguments for call in self.receipts.calls()]
        by_site = any(name == "site_ref" for one in templates for name, _ in placeholders(one))
        groups: dict[str, list[Posting]] = {}
        for posting in postings:
            groups.setdefault(posting.site_ref if by_site else "", []).append(posting)
        return groups

    def _values(self, batch: PostingBatch, site: str) -> Values:
        values = {**values_of_batch(batch), "site_ref": site}
        return {**values, "description": fill(f"{self.receipts.description} ", lookup(values)).strip()}

    def _post(self, batch: PostingBatch, values: Values) -> list[PostingResult]:
        for number in self._open_ones(values):
            self._cancel({**values, "batch_id": number})
        known = {} if self.settings.find is None else {one.reference: one for one in self.find(batch)}
        left = [one for one in batch.postings if known.get(one.reference, _NOTHING).outcome == "absent"]
        results = known | {one.reference: one for one in self._send(replace(batch, postings=left), values)}
        return [results[posting.reference] for posting in batch.postings]

    def _send(self, batch: PostingBatch, values: Values) -> list[PostingResult]:
        if not batch.postings:
            return []
        values = {**values, "batch_id": self._open(values)}
        added = [self._add(batch, posting, values) for posting in batch.postings]
        refused = None
        if any(one.outcome == "sent" for one in added):
            refused = self._finish(values)
        else:
            self._cancel(values)
        ended = [_ended(one, refused) for one in added]
        return with_numbers(ended, self, batch)

    def _open(self, values: Values) -> str:
        opening = self.receipts.open
        told = self.send(opening, values, opening.id)
        number = told.values.get(opening.id, "")
        if not number or number.startswith("-"):
            # Yardi says -1 for a lack of rights, -2 for no access to the property; nothing was written.
            self.judge.result(told, "", erp_ref=opening.id)
            raise MisconfiguredError(
                f"{opening.operation} opened no batch: it answered {number or 'nothing'}",
                hint="check the rights of the user and of the interface on this property",
            )
        return number

    def _add(self, batch: PostingBatch, posting: Posting, values: Values) -> PostingResult:
        """One at a time, so that a refusal is of that one alone."""
        if (call := self.written(posting)) is None:
            return no_reversals(posting)
        told = self.send(call, {**values, **values_of(batch, posting, self.codes)})
        result = self.judge.result(told, posting.reference, erp_ref=None)
        had_already = self.judge.gravest(told)[0] == "posted"
        return replace(result, outcome="sent") if result.outcome == "posted" and not had_already else result

    def _finish(self, values: Values) -> PostingResult | None:
        """Has the batch looked through and posted; gives the refusal, once the batch is cancelled."""
        for call in (self.receipts.review, self.receipts.post):
            if call is None:
                continue
            result = self.judge.result(self.send(call, values), "", erp_ref=None)
            if result.outcome == "refused":
                self._cancel(values)
                return result
        return None

    def _cancel(self, values: Values) -> None:
        """Raises RetryableError where the batch cannot be given up: it may have been posted."""
        told: Told = self.send(self.receipts.cancel, values)
        if self.judge.result(told, "", erp_ref=None).outcome == "refused":
            raise unknown(told.operation, f"the ERP does not give up its batch ({self.judge.shown(told.texts[0])})")

    def _open_ones(self, values: Values) -> list[str]:
        ones = self.receipts.list
        arguments = filled(ones.arguments, lookup(values, self.connector.look_up))
        rows = self.rows_of(ones.operation, arguments, ones.rows, (ones.id, ones.description), silence=ones.silence)
        return [number for row in rows if row[ones.description] == values["description"] and (number := row[ones.id])]


_NOTHING = PostingResult("", "absent")


def _ended(added: PostingResult, refused: PostingResult | None) -> PostingResult:
    if added.outcome != "sent":
        return added
    if refused is None:
        return replace(added, outcome="posted")
    return replace(refused, reference=added.reference)
