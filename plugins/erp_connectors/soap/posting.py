"""Entering payments in an ERP by calls, and asking it which it has. What writes is sent once, never again from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from erp_connectors.posting_values import Codes, lookup, values_of
from erp_connectors.soap.answers import Judge, Told, read_told, unknown
from erp_connectors.soap.parts import Call
from erp_connectors.soap.posting_settings import Find, SoapPosting
from erp_connectors.soap.reply import judge, read_marks
from erp_connectors.soap.scratch import scratch
from erp_connectors.soap.xml_arguments import filled
from hub.errors import HubError, InputRefusedError, MisconfiguredError, NotSupportedError
from hub.formats import read_xml
from hub.ports import Posting, PostingBatch, PostingResult
from hub.ports.postings import PostingKind

if TYPE_CHECKING:
    from erp_connectors.soap.connector import SoapConnector

_NEAREST_FIRST = ("posted", "sent", "refused", "absent")
Row = Mapping[str, str | None]


class Poster:
    """Posts one by one. `settings`: the connector's `posting` table."""

    def __init__(self, connector: SoapConnector, settings: SoapPosting) -> None:
        self.connector, self.settings = connector, settings
        self.codes = Codes(settings.methods, settings.kinds, settings.reasons)
        self.judge = Judge(settings.messages, connector.settings.messages, connector.secrets())

    def post(self, batch: PostingBatch) -> list[PostingResult]:
        return [self._one(batch, posting) for posting in batch.postings]

    def find(self, batch: PostingBatch) -> list[PostingResult]:
        """By our references; the same question is asked once, however many postings it is about."""
        if (find := self.settings.find) is None:
            raise NotSupportedError("nothing is known of what was posted, because posting.find is not set up")
        asked: dict[str, list[Row]] = {}
        results = []
        for posting in batch.postings:
            arguments = filled(find.arguments, lookup(self._asked(find, batch, posting), self.connector.look_up))
            key = repr(sorted(arguments.items()))
            if key not in asked:
                asked[key] = self._rows(find, arguments)
            results.append(_found(find, posting, asked[key]))
        return results

    def written(self, posting: Posting) -> Call | None:
        """The call that enters it, if it can be entered."""
        return self.settings.payment if posting.kind == "payment" else self.settings.reversal

    def send(self, call: Call, values: Mapping[str, Any], *paths: str) -> Told:
        """One call, once. A Fault whose text the landlord's table knows is an answer like others."""
        own, connector = self.settings, self.connector
        arguments = filled(call.arguments, lookup(values, connector.look_up))
        connector.heard = None
        try:
            with connector.call(call.operation, arguments) as reply:
                return read_told(
                    reply, call.operation, messages=connector.settings.message_path, paths=paths, code=own.code
                )
        except InputRefusedError as error:
            raise unknown(call.operation, error.message) from None
        except HubError:
            fault = connector.heard
            if fault is None or self.judge.means(f"{fault.code} {fault.text}") is None:
                raise
            return Told(call.operation, (fault.text,), code=fault.code)

    def example(self, call: Call) -> dict[str, Any]:
        """The call's arguments for a posting that never was."""
        kind: PostingKind = "reversal" if call is self.settings.reversal else "payment"
        method = next(iter(self.settings.methods), "payment_card")
        posting = Posting("EXAMPLE", kind, "1", "1", 100, date(2000, 1, 1), method, reverses="EXAMPLE", site_ref="1")
        values = values_of(PostingBatch(1, posting.paid_on, [posting]), posting, self.codes)
        return filled(
            call.arguments,
            lookup(
                {**values, "from": posting.paid_on, "to": posting.paid_on, "batch_id": "1", "description": "1"},
                self.connector.look_up,
            ),
        )

    def _one(self, batch: PostingBatch, posting: Posting) -> PostingResult:
        if (call := self.written(posting)) is None:
            return no_reversals(posting)
        erp_ref = self.settings.erp_ref
        told = self.send(call, values_of(batch, posting, self.codes), *([erp_ref] if erp_ref else []))
        return self.judge.result(told, posting.reference, erp_ref=erp_ref)

    def _asked(self, find: Find, batch: PostingBatch, posting: Posting) -> dict[str, Any]:
        latest = max(posting.paid_on, self.connector.today())
        days = {
            "from": posting.paid_on - timedelta(days=find.days_before),
            "to": latest + timedelta(days=find.days_after),
        }
        return {**values_of(batch, posting, self.codes), **days}

    def _rows(self, find: Find, arguments: Mapping[str, Any]) -> list[Row]:
        columns = tuple(dict.fromkeys(path for path in (find.reference, find.erp_ref, find.state) if path))
        return self.rows_of(find.operation, arguments, find.rows, columns, silence=find.silence)

    def rows_of(
        self, operation: str, arguments: Mapping[str, Any], rows: str, columns: tuple[str, ...], *, silence: str
    ) -> list[Row]:
        """A question's rows, trimmed. Raises what the answer means if it is none."""
        own = self.connector.settings
        with scratch(self.connector.context.folder) as spool:
            reply = self.connector.save(spool, "question.xml", operation, arguments)
            marks = read_marks(reply, rows=rows, messages=own.message_path)
            if not judge(marks, own.messages, operation=operation, silence=silence, secrets=self.judge.secrets):
                return []
            with reply.open() as stream:
                return [
                    {name: (value or "").strip() for name, value in row.items()}
                    for block in read_xml(stream, rows, columns, file=reply.name)
                    for row in block.table.to_pylist()
                ]


def no_reversals(posting: Posting) -> PostingResult:
    why = "this ERP takes no payment back: posting.reversal is not set up"
    return PostingResult(posting.reference, "refused", code="NO_REVERSALS", message=why, terminal=True)


def with_numbers(results: Sequence[PostingResult], poster: Poster, batch: PostingBatch) -> list[PostingResult]:
    """Results of a batch that was posted, with the ERP's ids where it tells them now."""
    found: Sequence[PostingResult] = ()
    if poster.settings.find is not None and any(result.outcome == "posted" for result in results):
        # They are posted, whatever the question comes to.
        with suppress(HubError):
            found = poster.find(batch)
    known = {one.reference: one for one in found if one.outcome == "posted"}
    return [known.get(result.reference, result) if result.outcome == "posted" else result for result in results]


def _found(find: Find, posting: Posting, rows: Sequence[Row]) -> PostingResult:
    found = [_result(find, posting, row) for row in rows if row[find.reference] == posting.reference]
    absent = PostingResult(posting.reference, "absent")
    return min(found, key=lambda result: _NEAREST_FIRST.index(result.outcome), default=absent)


def _result(find: Find, posting: Posting, row: Row) -> PostingResult:
    erp_ref = (row[find.erp_ref] or "") if find.erp_ref else ""
    told = (row[find.state] or "") if find.state else ""
    state = find.states.get(told) if find.state else "posted"
    if state is None:
        raise MisconfiguredError(
            f"{find.operation} gives a posting the state {told[:40]!r}, which is in no table",
            hint="say in posting.find.states what it means",
        )
    if state == "retryable" or state == "terminal":  # the type checker follows no `in`
        return PostingResult(posting.reference, "refused", erp_ref, code=told[:40], terminal=state == "terminal")
    return PostingResult(posting.reference, state, erp_ref)
