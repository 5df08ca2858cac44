"""One request's reading: one read-only transaction, opened at its first question, asked one question at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar, cast
from uuid import UUID

from sqlalchemy import Executable, bindparam, text
from sqlalchemy.types import DateTime, LargeBinary

from hub.store.engine import scope
from hub.store.handles import Connection, Engine, StoreError

T = TypeVar("T")
Rows = Sequence[tuple[Any, ...]]

# One statement says who is asking and lets the rest of the transaction see that person's contracts, no others.
_OPEN = text(
    "select s.person_id, s.contract_ids, set_config('app.contracts', s.contract_ids::text, true),"
    " set_config('app.person', s.person_id::text, true)"
    " from tenant_session(:token_hash, :now) as s where s.person_id is not null"
).bindparams(bindparam("token_hash", type_=LargeBinary), bindparam("now", type_=DateTime(timezone=True)))


class ReadingFailedError(Exception):
    """A statement of this request failed, or the request is over: nothing more is asked."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who is asking, and the contracts that person may see."""

    person: UUID
    contracts: tuple[UUID, ...]


class Reading:
    """The request's connection, shared by all who read for it; a second one per reader would deadlock the pool.

    An async context manager; leaving it ends the transaction. `statements` counts what was asked.
    """

    def __init__(self, engine: Engine, landlord: str, *, contracts: Sequence[UUID] | None = None) -> None:
        self.landlord = landlord
        self.statements = 0
        self.failure: StoreError | None = None
        self._engine = engine
        self._contracts = contracts
        self._lock = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._conn: Connection | None = None
        self._person: UUID | None = None
        self._closed = False

    @classmethod
    def over(cls, conn: Connection, landlord: str) -> Self:
        """A reading within a transaction of the caller's, for what has to be decided there."""
        reading = cls(cast(Engine, None), landlord)
        reading._conn = conn
        return reading

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with self._lock:  # a resolver nobody waits for any more may still be asking
            self._closed = True
            await self._stack.aclose()

    async def let_go(self) -> None:
        """End the transaction, keeping who is asking: the next question sees what was committed meanwhile."""
        async with self._lock:
            await self._stack.aclose()
            self._stack, self._conn = AsyncExitStack(), None

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        """A transaction of its own in which the person asking may write; the reading holds no connection meanwhile."""
        await self.let_go()
        async with scope(self._engine, self.landlord, self._contracts, person=self._person) as conn:
            yield conn

    async def rows(self, statement: Executable, **values: object) -> Rows:
        """The answer to one statement. `ReadingFailedError` once any statement of this reading has failed."""

        async def ask(conn: Connection) -> Rows:
            return cast(Rows, (await conn.execute(statement, values)).all())

        return await self.ask(ask)

    async def ask(self, question: Callable[[Connection], Awaitable[T]]) -> T:
        """Anything else that is read with this transaction, one question at a time.

        A statement that was begun is ended, also when nobody waits for it any more (a neighbouring field failed, so
        the rest of the query is given up): a statement cut off in the middle would spoil the connection.
        """
        asking = asyncio.ensure_future(self._in_turn(question))
        asking.add_done_callback(_seen)
        return await asyncio.shield(asking)

    async def _in_turn(self, question: Callable[[Connection], Awaitable[T]]) -> T:
        async with self._lock:
            if self._closed or self.failure is not None:
                raise ReadingFailedError
            try:
                conn = self._conn or await self._open()
                self.statements += 1
                return await question(conn)
            except StoreError as error:
                self.failure = error
                raise ReadingFailedError from error

    async def _open(self) -> Connection:
        opening = scope(self._engine, self.landlord, self._contracts, readonly=True, person=self._person)
        self._conn = await self._stack.enter_async_context(opening)
        return self._conn

    async def open_session(self, token_hash: bytes, *, now: datetime) -> Session | None:
        """Who holds this token at this landlord; None when it is unknown or expired."""
        found = await self.rows(_OPEN, token_hash=token_hash, now=now)
        if not found:
            return None
        person, contracts, *_ = found[0]
        self._person, self._contracts = person, tuple(contracts)
        return Session(person=person, contracts=tuple(contracts))


def _seen(asked: asyncio.Future[Any]) -> None:
    """Whoever asked may have gone: an error nobody waits for is no one's surprise (`failure` remembers it)."""
    if not asked.cancelled():
        asked.exception()
