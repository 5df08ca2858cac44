"""A person lends a hand where the ERP was not told, or nobody knows: post again, or say which entry shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from hub.config import LandlordConfig
from hub.domain.money import to_decimal
from hub.errors import ConflictError, InvalidAskError, NotFoundError
from hub.jobs import Bell
from hub.paying.found import named_posting
from hub.paying.parts import POSTINGS, PayingParts
from hub.paying.plan import ask_to_post
from hub.ports import Push
from hub.store.act_rows import What, note_act
from hub.store.domain_events import emit
from hub.store.engine import scope
from hub.store.handles import Connection
from hub.store.payment_jobs import bring_forward
from hub.store.posting_entries import Entry, entries_like, entries_named, tie
from hub.store.posting_rows import PostingRow, get_posting, set_postings

Stated = Literal["absent", "there"]
_AGAIN: Final = ("refused", "unknown", "pending")


@dataclass(frozen=True, slots=True)
class Reposted:
    """The posting as it stands now; `entry`: the ledger entry that shows it, where a person named one."""

    posting: PostingRow
    entry: Entry | None = None


async def repost(
    parts: PayingParts,
    bell: Bell,
    landlord: str,
    posting: str,
    *,
    by: str,
    stated: Stated | None = None,
    why: str = "",
) -> Reposted:
    """Tell the ERP again, once what kept it from taking the posting is put right.

    Where nobody knows whether the ERP has it, it is asked first; an ERP that cannot be asked is looked at by a person,
    who says `absent` (it is sent again) or `there` (it counts as posted). Raises NotFoundError, InvalidAskError where
    that word is missing, ConflictError where there is nothing to send.
    """
    config, now = await parts.config(landlord), parts.clock.now()
    push = config.push()
    async with scope(parts.engine, landlord) as conn:
        row = await named_posting(conn, landlord, posting, lock=True)
        _check(landlord, config, row, push, stated)
        what, values = _change(row, push, stated, now)
        await set_postings(conn, landlord=landlord, ids=[row.id], **values)
        await note_act(
            conn,
            landlord=landlord,
            payment_id=row.payment_id,
            what=what,
            subject=row.reference,
            why=why.strip(),
            by=by,
            now=now,
        )
        if stated == "there":
            await _tell(conn, landlord, row, "posting.posted", now)
        else:
            await _ask(conn, config, row, now)
        changed = await get_posting(conn, row.id)
    bell.ring(POSTINGS)
    return Reposted(changed or row)


async def tie_to_entry(
    parts: PayingParts, landlord: str, posting: str, *, entry: str, by: str, why: str = ""
) -> Reposted:
    """Say which entry of the ledger shows a posting: one of several that might, or one the hub did not recognise.

    `entry` is the ERP's own name of it. Raises NotFoundError; InvalidAskError for an entry of another account or
    amount; ConflictError where the entry shows another posting, or the posting is in the ledger already.
    """
    now = parts.clock.now()
    async with scope(parts.engine, landlord) as conn:
        row = await named_posting(conn, landlord, posting, lock=True)
        found = _fitting(landlord, row, await entries_named(conn, entry.strip(), account=row.account_id), entry)
        if not await tie(conn, landlord=landlord, posting_id=row.id, entry=found.id, now=now):
            raise ConflictError(f"posting {row.reference} is {row.state}: no entry is looked for", hint=_LOOK)
        await note_act(
            conn,
            landlord=landlord,
            payment_id=row.payment_id,
            what="tied",
            subject=f"{row.reference} {found.external_id}"[:200],
            why=why.strip(),
            by=by,
            now=now,
        )
        await _tell(conn, landlord, row, "posting.reflected", now)
        changed = await get_posting(conn, row.id)
    return Reposted(changed or row, found)


async def entries_that_might(conn: Connection, config: LandlordConfig, row: PostingRow) -> list[Entry]:
    """For a posting no entry shows yet: entries a person may choose from."""
    if row.state in ("reflected", "void", "waiting"):
        return []
    return await entries_like(conn, row, days=2 * config.payments.match_days)


async def _ask(conn: Connection, config: LandlordConfig, row: PostingRow, now: datetime) -> None:
    await ask_to_post(conn, config, row.id, account=row.account_id, now=now)
    for kind, key in (("erp.post", str(row.id)), ("erp.batch", row.connector)):
        await bring_forward(conn, landlord=config.slug, kind=kind, dedup_key=key, now=now)


_LOOK: Final = "`housing-hub payments show` says how it stands"


def _check(landlord: str, config: LandlordConfig, row: PostingRow, push: Push | None, stated: Stated | None) -> None:
    if row.state not in _AGAIN:
        hint = f"in the ledger under another entry? `housing-hub payments repost {landlord} {row.reference} --entry …`"
        raise ConflictError(
            f"posting {row.reference} is {row.state}: it is not sent again",
            hint=_LOOK if row.state in ("reflected", "void", "waiting") else hint,
        )
    if push is None:
        raise ConflictError(
            f"{landlord} posts no payments now",
            hint="name the connector in [payments] and set up its posting, then apply",
        )
    if row.connector != config.erp:
        raise ConflictError(
            f"posting {row.reference} was meant for connector {row.connector}, and payments go to {config.erp} now",
            hint="enter it by hand, and tie it with --entry",
        )
    nobody_knows = row.state == "unknown" and not push.read_back
    if nobody_knows and stated is None:
        raise InvalidAskError(
            "whether the ERP has it cannot be asked: sent again it might be there twice",
            hint=f"look for {row.reference} in the ERP, then say --absent (it is sent again) or --there",
        )
    if stated is not None and not nobody_knows:
        known = "the ERP said no" if row.state == "refused" else "the ERP is asked"
        raise InvalidAskError(f"nothing needs to be said of it: {known}", hint="leave out --absent and --there")


def _change(row: PostingRow, push: Push | None, stated: Stated | None, now: datetime) -> tuple[What, dict[str, Any]]:
    """What becomes of the posting. `attempts` says that the ERP may have it: it is asked before anything is sent."""
    if stated == "there":
        return "said_there", {"state": "posted", "code": "", "message": "", "posted_at": now}
    values: dict[str, Any] = {"state": "pending", "code": "", "message": "", "told_at": None}
    if row.state == "refused" or stated == "absent":
        values["batch"] = None
    if push is not None and not push.read_back:
        values["attempts"] = 0
    return ("said_absent" if stated == "absent" else "reposted"), values


def _fitting(landlord: str, row: PostingRow, found: Sequence[Entry], name: str) -> Entry:
    if not found:
        raise NotFoundError(
            f"{landlord} holds no entry {name}", hint=f"`housing-hub sync {landlord} --wait` if it was entered just now"
        )
    entry = found[0]
    if entry.account_id != row.account_id:
        raise InvalidAskError(
            f"entry {name} is of another account than posting {row.reference}", hint="have it moved in the ERP first"
        )
    if entry.amount_cents != row.signed_cents:
        raise InvalidAskError(
            f"entry {name} is of {to_decimal(entry.amount_cents)}, the posting of {to_decimal(row.signed_cents)}",
            hint="have it corrected in the ERP: balances would not add up",
        )
    if entry.taken_by is not None:
        raise ConflictError(f"entry {name} shows posting {entry.taken_by} already", hint="choose another entry")
    return entry


async def _tell(conn: Connection, landlord: str, row: PostingRow, kind: str, now: datetime) -> None:
    data = {
        "posting": row.reference,
        "payment": str(row.payment_id),
        "kind": row.kind,
        "amount_cents": row.amount_cents,
        "code": "by_operator",
    }
    await emit(conn, landlord=landlord, kind=kind, subject=f"payment:{row.payment_id}", data=data, now=now)
