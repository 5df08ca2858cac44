"""A connector that breaks one promise at a time: what the hub has to survive, and the contract suite has to catch."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import SecretStr

from hub.errors import MisconfiguredError, NotSupportedError, TerminalError, UnreachableError
from hub.hookspecs import hookimpl
from hub.ports import (
    CallSource,
    Capabilities,
    ConnectorSettings,
    ErpConnector,
    Feed,
    Finding,
    Posting,
    PostingBatch,
    PostingResult,
    Pull,
    Push,
    Spool,
    setting,
)
from hub.records import Batch, ContractRecord, Stream

HUB_API = (1, 0)
PASSWORD = "right-password-42"


class HostileSettings(ConnectorSettings):
    """`misdeed` names the promise to break; `alive` is whether anybody answers."""

    password: SecretStr = setting("The password")
    alive: bool = setting("Whether the ERP answers", default=True)
    misdeed: str = setting("Which promise to break", default="")


def contract(n: int) -> ContractRecord:
    return ContractRecord(external_id=f"C{n}", reference=f"R{n}", status="current", starts_on=date(2020, 1, 1))


class HostileConnector(CallSource[HostileSettings]):
    """Three contracts, and one misdeed."""

    name = "hostile"
    summary = "Breaks one promise at a time"
    settings_model = HostileSettings
    capabilities = Capabilities(pull={Stream.CONTRACTS: Pull(delta=True)})
    _made = itertools.count()
    entered: ClassVar[list[str]] = []

    @classmethod
    def refusal(cls, stream: Stream, mode: Any) -> NotSupportedError | None:
        refusal = super().refusal(stream, mode)
        return NotSupportedError("no") if refusal and cls.misdeed() == "no_reason" else refusal

    @classmethod
    def misdeed(cls) -> str:
        return ""

    def __repr__(self) -> str:
        shown = self.settings.password.get_secret_value() if self.settings.misdeed == "secret_in_repr" else "…"
        return f"<Hostile {shown}>"

    def check(self, feeds: Sequence[Feed]) -> Iterator[Finding]:
        if self.settings.misdeed == "check_raises":
            raise KeyError("contracts")
        for step in ("log in", *(f"feed {feed.name}" for feed in feeds)):
            fault = self._trouble()
            yield Finding(step, fault is None, str(fault or ""), "ask")
            if fault:
                return

    def pull(self, feed: Feed, cursor: str | None, spool: Spool) -> Any:
        batches = self._batches(cursor, spool)
        return list(batches) if self.settings.misdeed == "all_at_once" else batches

    def _batches(self, cursor: str | None, spool: Spool) -> Iterator[Batch]:
        misdeed = self.settings.misdeed
        if misdeed == "talkative":
            self.context.log.info("logging in with %s", self.settings.password.get_secret_value())
        if (trouble := self._trouble()) is not None:
            raise trouble
        if misdeed != "no_spool":
            with spool.create("reply.json") as sink:
                sink.write(b"{}")
        yield Batch(self._rows(misdeed, cursor), cursor=None if misdeed == "no_cursor" else "3")
        if misdeed == "breaks_off":
            raise ZeroDivisionError("in the middle")

    def _rows(self, misdeed: str, cursor: str | None) -> Any:
        if misdeed == "wrong_types":
            return pa.table({"external_id": ["C1"], "reference": ["R1"], "status": ["current"], "starts_on": ["soon"]})
        if misdeed == "unknown_column":
            return pa.table({"colour": ["red"]})
        if misdeed == "huge":
            return [contract(n) for n in range(100_001)]
        rows = [] if cursor == "3" and misdeed != "deaf" else [contract(n) for n in range(1, 4)]
        if misdeed == "duplicates":
            rows += rows
        if misdeed == "shuffled":
            random.Random(next(self._made)).shuffle(rows)
        if misdeed == "bad_rows":
            rows.append(contract(4).model_copy(update={"reference": " padded "}))
        return rows

    @classmethod
    def push_of(cls, settings: ConnectorSettings) -> Push | None:
        return Push(read_back=True)

    def post(self, batch: PostingBatch) -> Sequence[PostingResult]:
        misdeed, trouble = self.settings.misdeed, self._trouble()
        if trouble is not None:
            raise trouble
        if misdeed == "posts_aloud":
            self.context.log.info("posting with %s", self.settings.password.get_secret_value())
        results = [self._enter(posting) for posting in batch.postings]
        return results[::-1] if misdeed == "results_turned" else results

    def find_postings(self, batch: PostingBatch) -> Sequence[PostingResult]:
        if (trouble := self._trouble()) is not None and self.settings.misdeed != "silence_is_absent":
            raise trouble
        return [PostingResult(one.reference, "posted" if self._has(one) else "absent") for one in batch.postings]

    def _has(self, posting: Posting) -> bool:
        if self.settings.misdeed == "finds_anything":
            return True
        return posting.reference in self.entered and self.settings.misdeed != "finds_nothing"

    def _enter(self, posting: Posting) -> PostingResult:
        if posting.account_ref == "nobody":
            if self.settings.misdeed == "refusal_raised":
                raise TerminalError("no such account")
            return PostingResult(posting.reference, "refused", code="NOBODY", terminal=True)
        if posting.reference not in self.entered or self.settings.misdeed == "posts_twice":
            self.entered.append(posting.reference)
        return PostingResult(posting.reference, "posted")

    def _trouble(self) -> Exception | None:
        if not self.settings.alive:
            odd = self.settings.misdeed == "odd_error"
            return OSError("connection refused") if odd else UnreachableError("nobody answers", hint="wait")
        given = self.settings.password.get_secret_value()
        if given == PASSWORD or self.settings.misdeed == "open_door":
            return None
        shown = given if self.settings.misdeed == "secret_in_error" else "the password"
        return MisconfiguredError(f"{shown} is refused", hint="check it")


@hookimpl
def register_erp_connectors() -> list[type[ErpConnector[Any]]]:
    return [HostileConnector]
