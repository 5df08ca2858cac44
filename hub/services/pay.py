"""A tenant begins a payment: everything is worked out anew here, whatever the front end believed.

The request writes the payment with its keys and asks for the work; a worker calls the provider. Nothing is charged
here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from hub.domain.allocation import Allocation, Debt, allocate, outstanding
from hub.domain.redaction import mask_cards
from hub.domain.references import new_reference, operation_key
from hub.errors import ConflictError, InvalidAskError, NotFoundError, Where
from hub.services.read_account import Account, accounts_by_id
from hub.store.handles import Connection
from hub.store.ids import new_id
from hub.store.means_rows import Means, Policy, find_means, get_policy, list_means
from hub.store.payment_rows import NewPayment, insert_payment, lock_accounts
from hub.store.reads import Reading, Session
from hub.store.reads import payments as reads
from hub.store.reads.debts import ChargeRow, charges
from hub.store.reads.payments import OpenPayment
from hub.store.webhook_rows import ask_for_work

CURRENCY: Final = "EUR"
_PLAIN_URL: Final = re.compile(r"[!-\[\]-~]{1,2000}")
_KEY: Final = re.compile(r"[A-Za-z0-9._:-]{8,100}")
_FIRST_LOOK: Final = timedelta(seconds=60)
_MOST_PARTS: Final = 5


class AmountError(InvalidAskError):
    """An amount that cannot be paid: nothing, less than the landlord takes, more than is owed, of another currency."""

    code = "AMOUNT_INVALID"


class NothingDueError(AmountError):
    """There is nothing to pay: nothing is owed, or what was owed has been paid already."""

    code = "NOTHING_DUE"


class MeansError(InvalidAskError):
    """A means of payment that does not exist, is switched off, or does not take these accounts or this amount."""

    code = "MEANS_UNAVAILABLE"


class ReturnUrlError(InvalidAskError):
    """An address to come back to that the landlord did not allow."""

    code = "RETURN_URL_REFUSED"


class KeyReusedError(ConflictError):
    """The idempotency key was used for another payment."""

    code = "IDEMPOTENCY_KEY_REUSED"


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """What a front end asks. `parts`: cents by account. `settle`: ledger entries to be settled first."""

    parts: Mapping[UUID, int]
    provider: str
    return_url: str
    language: str
    key: str
    currency: str = CURRENCY
    settle: tuple[UUID, ...] = ()

    @property
    def amount_cents(self) -> int:
        return sum(self.parts.values())

    @property
    def digest(self) -> str:
        """The same for the same request, whatever its key."""
        said = {
            "parts": sorted((str(account), cents) for account, cents in self.parts.items()),
            "provider": self.provider,
            "currency": self.currency,
            "settle": [str(entry) for entry in self.settle],
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Begun:
    """The payment a request leads to. `other`: one that is in progress for these accounts, so that none was begun."""

    payment_id: UUID
    is_new: bool = False
    other: OpenPayment | None = None


@dataclass(frozen=True, slots=True)
class _Asking:
    """A request on its way: who asks, when, and the transaction that decides."""

    reading: Reading
    session: Session
    request: PaymentRequest
    now: datetime
    today: date
    conn: Connection
    found: dict[UUID, Account] = field(default_factory=dict)


async def begin_payment(
    reading: Reading, session: Session, request: PaymentRequest, *, now: datetime, today: date
) -> Begun:
    """Begin a payment, or find the one this request (or another for these accounts) has begun already.

    Ring the queue `payments` after it. Raises AmountError, MeansError, ReturnUrlError, KeyReusedError, NotFoundError.
    """
    _check_shape(request)
    async with reading.writing() as conn:
        inside = Reading.over(conn, reading.landlord)
        asking = _Asking(inside, session, request, now, today, conn)
        await lock_accounts(conn, landlord=reading.landlord, accounts=list(request.parts))
        if (known := await reads.by_key(inside, request.key)) is not None:
            return _same_again(known, request)
        if (other := await reads.open_for(inside, list(request.parts))) is not None:
            return _in_progress(other, request)
        asking.found.update(await accounts_by_id(inside, list(request.parts), today=today))
        return await _begin(asking)


def payable_cents(account: Account) -> int:
    """What may be paid on an account without paying in advance: what is owed, less payments in flight and begun."""
    return max(0, account.balance_cents - account.open_cents)


async def payment_means(reading: Reading) -> list[Means]:
    """The means of payment that are switched on, in the order tenants see them."""
    return [one for one in await reading.ask(list_means) if one.enabled]


async def _begin(asking: _Asking) -> Begun:
    request, landlord = asking.request, asking.reading.landlord
    if len(asking.found) < len(request.parts):
        raise NotFoundError("no such account")
    means, policy = await _means(asking), await get_policy(asking.conn)
    if policy is None:
        raise MeansError("the landlord takes no payments here", where=Where(field="means"))
    _check_return_url(request, policy)
    rows = await charges(asking.reading, list(request.parts))
    _check_settle(request, rows)
    for account_id, cents in request.parts.items():
        _check_amount(asking.found[account_id], cents, policy)
    _check_limits(request, means)
    new = _new(asking, means, _snapshot(asking, policy, rows))
    blocks = means.flow != "instructions"
    await insert_payment(asking.conn, landlord=landlord, new=new, parts=request.parts, blocks=blocks)
    payload = {"payment": str(new.id)}
    await ask_for_work(
        asking.conn, landlord=landlord, kind="pay.start", key=str(new.id), payload=payload, now=asking.now
    )
    await ask_for_work(
        asking.conn,
        landlord=landlord,
        kind="pay.check",
        key=str(new.id),
        payload=payload,
        now=asking.now,
        run_at=asking.now + _FIRST_LOOK,
    )
    return Begun(new.id, is_new=True)


def _new(asking: _Asking, means: Means, snapshot: dict[str, Any]) -> NewPayment:
    request, payment_id = asking.request, new_id()
    return NewPayment(
        id=payment_id,
        reference=new_reference(),
        person_id=asking.session.person,
        provider=means.provider,
        method=means.method,
        amount_cents=request.amount_cents,
        currency=CURRENCY,
        language=request.language,
        return_url=request.return_url,
        idempotency_key=request.key,
        request_sha256=request.digest,
        start_key=operation_key(payment_id, "start"),
        snapshot=snapshot,
        created_at=asking.now,
        expires_at=asking.now + timedelta(seconds=means.lifetime_seconds),
        changed_at=asking.now,
    )


def _check_shape(request: PaymentRequest) -> None:
    if not _KEY.fullmatch(request.key):
        raise InvalidAskError(
            "the idempotency key has 8 to 100 letters, digits and . _ : -", where=Where(field="idempotencyKey")
        )
    if not 1 <= len(request.parts) <= _MOST_PARTS:
        raise InvalidAskError("a payment is for one to five accounts", where=Where(field="accounts"))
    if request.currency != CURRENCY:
        raise AmountError("amounts are in euros", where=Where(field="currency"))
    if any(cents <= 0 for cents in request.parts.values()):
        raise AmountError("an amount is more than nothing", where=Where(field="amount"))


def _check_settle(request: PaymentRequest, rows: Mapping[UUID, Sequence[ChargeRow]]) -> None:
    """What is to be settled first are charges of the accounts that are paid: anything else does not exist here."""
    known = {row.id for each in rows.values() for row in each}
    if not known.issuperset(request.settle):
        raise NotFoundError("no such charge of these accounts", where=Where(field="settle"))


def _check_return_url(request: PaymentRequest, policy: Policy) -> None:
    """The browser is sent nowhere but below an address the landlord allowed."""
    if not any(_is_below(request.return_url, allowed) for allowed in policy.return_urls):
        raise ReturnUrlError("the landlord does not allow this address to come back to", where=Where(field="returnUrl"))


def _is_below(url: str, allowed: str) -> bool:
    """Whether a browser that is sent to `url` stays below `allowed`, as browsers read addresses: a backslash is a
    slash to them, `%2e%2e` a step up, and blanks and control characters are passed over. No card number may be in it:
    the address is kept."""
    if not _PLAIN_URL.fullmatch(url) or mask_cards(url) != url:
        return False
    try:
        asked, within = urlsplit(url), urlsplit(allowed)
    except ValueError:
        return False
    steps = asked.path.lower().replace("%2e", ".").split("/")
    below = within.path.rstrip("/")
    return (
        (asked.scheme, asked.netloc) == (within.scheme, within.netloc)
        and (asked.path == below or asked.path.startswith(f"{below}/"))
        and not asked.fragment
        and ".." not in steps
    )


def _check_amount(account: Account, cents: int, policy: Policy) -> None:
    most = payable_cents(account) + policy.advance_cents
    if most == 0:
        raise NothingDueError("there is nothing to pay on this account", where=Where(field="amount"))
    if cents > most:
        raise AmountError("the amount is above what can be paid", where=Where(field="amount"))
    if cents < min(policy.minimum_cents, most):
        raise AmountError("the amount is below the least the landlord takes", where=Where(field="amount"))


def _check_limits(request: PaymentRequest, means: Means) -> None:
    if not means.least_cents <= request.amount_cents <= means.most_cents:
        raise AmountError("the amount is outside what this means of payment takes", where=Where(field="amount"))


async def _means(asking: _Asking) -> Means:
    """The means asked for, if it takes all these accounts in one go."""
    means = await find_means(asking.conn, asking.request.provider)
    kinds = {account.kind for account in asking.found.values()}
    if means is None or not means.enabled or not kinds <= set(means.accounts):
        raise MeansError("this means of payment cannot be used here", where=Where(field="means"))
    return means


def _same_again(known: tuple[UUID, str], request: PaymentRequest) -> Begun:
    payment_id, digest = known
    if digest != request.digest:
        raise KeyReusedError("this key was used for another payment", hint="make a new key for each payment")
    return Begun(payment_id)


def _in_progress(other: OpenPayment, request: PaymentRequest) -> Begun:
    """The same person paying the same again is led to the page that is open already."""
    if other.mine and other.request_sha256 == request.digest:
        return Begun(other.id)
    return Begun(other.id, other=other)


def _snapshot(asking: _Asking, policy: Policy, rows: Mapping[UUID, Sequence[ChargeRow]]) -> dict[str, Any]:
    """What is paid, as it stands now: kept with the payment, never worked out again."""
    shown = []
    for account_id, cents in sorted(asking.request.parts.items()):
        account = asking.found[account_id]
        shares = _allocation(asking, account, rows.get(account_id, []), cents)
        shown.append(
            {
                "account": str(account_id),
                "number": account.number,
                "amount_cents": cents,
                "balance_cents": account.balance_cents,
                "due_now_cents": account.due_now_cents,
                "as_of": account.as_of.isoformat() if account.as_of else None,
                "shares": [{"entry": share.key, "amount_cents": share.amount_cents} for share in shares.shares],
                "advance_cents": shares.advance_cents,
            }
        )
    allocation = {"strategy": policy.allocation, "version": shares.version}
    return {"accounts": shown, **allocation, "chosen": [str(entry) for entry in asking.request.settle]}


def _allocation(asking: _Asking, account: Account, rows: Sequence[ChargeRow], cents: int) -> Allocation:
    debts = [Debt(str(row.id or "opening"), row.due_on, row.amount_cents) for row in rows]
    credited = sum(debt.amount_cents for debt in debts) - max(0, account.balance_cents)
    left = outstanding(debts, max(0, credited), today=asking.today)
    return allocate(cents, left, today=asking.today, chosen=[str(entry) for entry in asking.request.settle])
