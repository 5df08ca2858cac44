"""Tell the ERP about money, once: a posting whose fate nobody knows is asked about before anything is sent again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from hub.config import LandlordConfig
from hub.domain.clock import today
from hub.errors import (
    BreakerOpenError,
    DeadlineError,
    HubError,
    NotSupportedError,
    RetryableError,
    UnreachableError,
)
from hub.jobs import Job, JobRuntime, finish, put_off
from hub.paying.parts import PayingParts, log
from hub.paying.plan import ask_for_batch
from hub.ports import ErpConnector, Posting, PostingBatch, PostingResult, Push
from hub.store.connector_states import put_connector_state
from hub.store.domain_events import emit
from hub.store.engine import scope
from hub.store.handles import Connection
from hub.store.posting_rows import (
    Named,
    PostingRow,
    close_batch,
    find_posting,
    get_posting,
    names_of,
    next_number,
    set_postings,
    take_batch,
)
from hub.sync.breaker import note_end, pass_breaker
from hub.sync.connectors import open_connector
from hub.sync.state import BufferedState
from hub.sync.threads import in_thread

MOST_IN_A_BATCH: Final = 500
NOT_KNOWN: Final = "NOT_KNOWN"
"""It may have been sent, and the ERP cannot be asked: a person looks, nothing is sent again."""
_TO_TELL: Final = ("pending", "unknown")


class NotNowError(RetryableError):
    """The ERP does not take a posting now (a locked account, a closed period for the day): it is tried again."""

    code = "ERP_NOT_NOW"


class NobodyKnowsError(RetryableError):
    """Whether the ERP has a posting cannot be told yet: it is asked again, nothing is sent."""

    code = "POSTING_UNKNOWN"


@dataclass(frozen=True, slots=True)
class Told:
    """One way to the ERP for one piece of work."""

    parts: PayingParts
    config: LandlordConfig
    connector: ErpConnector[Any]
    push: Push


async def handle_post(job: Job, runtime: JobRuntime, parts: PayingParts) -> None:
    """The job of kind `erp.post`: payload `{posting}`; those of one account one after the other."""
    config = await parts.config(job.landlord)
    batch, rows = await _alone(parts, config, int(job.payload["posting"]))
    results: Sequence[PostingResult] = ()
    if batch is not None:
        told = await _told_or_put_off(job, parts, config, batch, rows)
        if told is None:
            return
        results = told
    async with scope(parts.engine, job.landlord) as conn:
        await keep(conn, config, results, parts)
        again = _again(results)
        if again is None:
            await finish(conn, job)
    if again is not None:
        raise again


async def handle_batch(job: Job, runtime: JobRuntime, parts: PayingParts) -> None:
    """The job of kind `erp.batch`: payload `{connector}`: all that is pending, as one numbered batch."""
    config = await parts.config(job.landlord)
    day = today(parts.clock, config.identity.time_zone)
    erp = str(job.payload["connector"])
    async with scope(parts.engine, job.landlord) as conn:
        taken = await take_batch(
            conn, landlord=job.landlord, connector=erp, day=day, limit=MOST_IN_A_BATCH, now=parts.clock.now()
        )
        left = [] if taken is None else [row for row in taken[2] if row.state in _TO_TELL]
        names = await names_of(conn, [row.id for row in left])
    results: Sequence[PostingResult] = ()
    if taken is not None and left:
        batch = PostingBatch(taken[0], taken[1], [_posting(row, names[row.id]) for row in left if row.id in names])
        told = await _told_or_put_off(job, parts, config, batch, left)
        if told is None:
            return
        results = [*_nameless(left, names), *told]
    async with scope(parts.engine, job.landlord) as conn:
        await keep(conn, config, results, parts)
        await finish(conn, job)
        if taken is not None:  # what the ERP does not take now goes out with the next one, under a new number
            await close_batch(conn, landlord=job.landlord, connector=erp, number=taken[0])
            await ask_for_batch(conn, config, now=parts.clock.now())


async def _told_or_put_off(
    job: Job, parts: PayingParts, config: LandlordConfig, batch: PostingBatch, rows: Sequence[PostingRow]
) -> Sequence[PostingResult] | None:
    """The results; None where the ERP does not answer: the job waits for its breaker, however long that takes."""
    try:
        return await tell(parts, config, batch, seen_before=any(row.attempts for row in rows))
    except (NobodyKnowsError, UnreachableError, DeadlineError, BreakerOpenError) as error:
        async with scope(parts.engine, job.landlord) as conn:
            await put_off(conn, job, needs=[config.erp or ""], payload=job.payload, reason=str(error))
        return None


async def read_answers(parts: PayingParts, config: LandlordConfig) -> int:
    """Outcomes of batches sent earlier, where the ERP answers with files; gives how many were news."""
    if config.erp is None:
        return 0
    async with open_connector(parts.sync, config.slug, config, config.erp) as connector:
        push = type(connector).push_of(connector.settings)
        if push is None or not push.answers:
            return 0
        answers = await in_thread(lambda: list(connector.answered_postings()))
    async with scope(parts.engine, config.slug) as conn:
        return await keep(conn, config, answers, parts)


async def tell(
    parts: PayingParts, config: LandlordConfig, batch: PostingBatch, *, seen_before: bool
) -> Sequence[PostingResult]:
    """Post a batch, or find out what became of it. What is certain is a result; what is not raises.

    `seen_before`: an earlier attempt may have sent it, so the ERP is asked first.
    """
    erp = config.erp or ""
    await pass_breaker(parts.sync, config, erp)
    failure: Exception | None = None
    try:
        async with open_connector(parts.sync, config.slug, config, erp) as connector:
            push = type(connector).push_of(connector.settings)
            if push is None:
                raise NotSupportedError(
                    f"connector {erp} posts no payments", hint="set up posting in the landlord's file, and apply it"
                )
            results = await _tell(Told(parts, config, connector, push), batch, seen_before=seen_before)
            await _remember(parts, config.slug, erp, connector)
            return results
    except Exception as error:
        failure = error
        raise
    finally:
        if not isinstance(failure, BreakerOpenError):
            await note_end(parts.sync, config.slug, erp, _cause(failure))


def _cause(failure: Exception | None) -> Exception | None:
    """What the breaker is to know of: not that nobody knows, but why."""
    cause = failure.__cause__ if isinstance(failure, NobodyKnowsError) else failure
    return cause if isinstance(cause, Exception) else failure


async def _tell(told: Told, batch: PostingBatch, *, seen_before: bool) -> Sequence[PostingResult]:
    found: dict[str, PostingResult] = {}
    if seen_before:
        found = await _find(told, batch)
    absent = [one for one in batch.postings if _is_absent(found.get(one.reference))]
    if not absent:
        return list(found.values())
    await _mark_sending(told, absent)
    left = PostingBatch(batch.number, batch.day, absent if not told.push.batch else batch.postings)
    try:
        results = await in_thread(told.connector.post, left)
    except NotSupportedError:
        raise
    except Exception as error:  # after the call, whatever was raised, the ERP may have it
        log.warning("posting to %s: %s", told.config.erp, error.code if isinstance(error, HubError) else type(error))
        raise NobodyKnowsError(
            "whether the ERP took it is not known yet", hint="it is asked before anything is sent"
        ) from error
    return [*(one for one in found.values() if not _is_absent(one)), *results]


async def _find(told: Told, batch: PostingBatch) -> dict[str, PostingResult]:
    """What the ERP says it has. Without such a question, what may have been sent waits for a person."""
    if not told.push.read_back:
        async with scope(told.parts.engine, told.config.slug) as conn:
            sent = [row for one in batch.postings if (row := await find_posting(conn, one.reference)) and row.attempts]
        return {row.reference: PostingResult(row.reference, "refused", code=NOT_KNOWN, terminal=True) for row in sent}
    results = await in_thread(told.connector.find_postings, batch)
    return {one.reference: one for one in results}


def _is_absent(result: PostingResult | None) -> bool:
    return result is None or result.outcome == "absent"


async def _mark_sending(told: Told, postings: Sequence[Posting]) -> None:
    """Committed before the call: from now on nobody knows, until the ERP has said so."""
    async with scope(told.parts.engine, told.config.slug) as conn:
        for one in postings:
            row = await find_posting(conn, one.reference, lock=True)
            if row is not None:
                await set_postings(
                    conn, landlord=told.config.slug, ids=[row.id], state="unknown", attempts=row.attempts + 1
                )


async def keep(conn: Connection, config: LandlordConfig, results: Sequence[PostingResult], parts: PayingParts) -> int:
    """What the ERP said, as it stands from now on. Gives how many postings changed."""
    changed, now = 0, parts.clock.now()
    for one in results:
        row = await find_posting(conn, one.reference, lock=True)
        if row is None or row.state in ("reflected", "void", "posted") or one.outcome == "absent":
            continue
        if one.batch is not None and one.batch != row.batch:
            continue  # the answer to an earlier file: it was sent again since
        state, kind = _state(one)
        if state == row.state and one.code == row.code:
            continue
        values: dict[str, Any] = {"state": state, "code": one.code[:60], "message": one.message[:500]}
        if one.erp_ref:
            values["erp_ref"] = one.erp_ref[:120]
        if state in ("posted", "sent"):
            values["posted_at"] = now
        changed += await set_postings(conn, landlord=config.slug, ids=[row.id], **values)
        if kind:
            await _emit(conn, config.slug, row, kind, one.code, parts)
    return changed


async def _emit(conn: Connection, landlord: str, row: PostingRow, kind: str, code: str, parts: PayingParts) -> None:
    data = {
        "posting": row.reference,
        "payment": str(row.payment_id),
        "kind": row.kind,
        "amount_cents": row.amount_cents,
        "code": code,
    }
    await emit(
        conn,
        landlord=landlord,
        kind=kind,
        subject=f"payment:{row.payment_id}",
        data=data,
        now=parts.clock.now(),
    )


def _state(one: PostingResult) -> tuple[str, str]:
    """The posting's state after a result, and the event that tells of it."""
    if one.code == NOT_KNOWN:
        return "unknown", "posting.unknown"
    if one.outcome == "posted":
        return "posted", "posting.posted"
    if one.outcome == "sent":
        return "sent", ""
    return ("refused", "posting.refused") if one.terminal else ("pending", "")


def _again(results: Sequence[PostingResult]) -> RetryableError | None:
    """Whether something is to be tried again, and why."""
    for one in results:
        if one.outcome == "refused" and not one.terminal:
            return NotNowError(
                f"the ERP does not take a posting now ({one.code or 'no code'})", hint="it is tried again"
            )
    return None


async def _alone(
    parts: PayingParts, config: LandlordConfig, posting_id: int
) -> tuple[PostingBatch | None, list[PostingRow]]:
    """The posting as a batch of one, and its row; None where nothing is to be told any more."""
    day: date = today(parts.clock, config.identity.time_zone)
    async with scope(parts.engine, config.slug) as conn:
        row = await get_posting(conn, posting_id, lock=True)
        if row is None or row.state not in _TO_TELL:
            return None, []
        name = (await names_of(conn, [row.id])).get(row.id)
        if name is None:
            await keep(conn, config, _nameless([row], {}), parts)
            return None, []
        number = row.batch
        if number is None:
            number = await next_number(
                conn, landlord=config.slug, connector=row.connector, day=day, now=parts.clock.now()
            )
            await set_postings(conn, landlord=config.slug, ids=[row.id], batch=number)
    return PostingBatch(number, day, [_posting(row, name)]), [row]


def _nameless(rows: Sequence[PostingRow], names: dict[int, Named]) -> list[PostingResult]:
    """Accounts the connector has no name for: a change of ERP left them behind."""
    return [
        PostingResult(
            row.reference, "refused", code="ACCOUNT_UNKNOWN", message="the ERP has no such account", terminal=True
        )
        for row in rows
        if row.id not in names
    ]


def _posting(row: PostingRow, name: Named) -> Posting:
    return Posting(
        reference=row.reference,
        kind=row.kind,
        account_ref=name.account_ref,
        account_number=name.account_number,
        amount_cents=row.amount_cents,
        paid_on=row.paid_on,
        method=row.method,
        contract_ref=name.contract_ref,
        contract_reference=name.contract_reference,
        person_ref=name.person_ref,
        site_ref=name.site_ref,
        reverses=name.reverses,
        reverses_erp_ref=name.reverses_erp_ref,
        reason=row.reason,
    )


async def _remember(parts: PayingParts, landlord: str, erp: str, connector: ErpConnector[Any]) -> None:
    state = connector.context.state
    if isinstance(state, BufferedState) and state.changed:
        async with scope(parts.engine, landlord) as conn:
            await put_connector_state(conn, landlord=landlord, connector=erp, values=state.changed)
