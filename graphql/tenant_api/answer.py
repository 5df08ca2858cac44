"""From a question to an answer: prepare, measure, know who asks, execute; every error in words."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import ExecutionResult, GraphQLSchema, OperationDefinitionNode, execute

from hub.domain.clock import today
from hub.errors import UnauthenticatedError
from hub.services.open_session import open_session
from hub.services.parts import ApiParts
from hub.store.landlord_rows import LandlordRow
from hub.store.reads import Reading, Session
from tenant_api import limits
from tenant_api.context import Context
from tenant_api.errors import RefusedError, Speaker
from tenant_api.prepare import Documents, InvalidError, Prepared, invalid
from tenant_api.protocol import Question
from tenant_api.schema import PUBLIC, SCHEMA

CORE: Final[GraphQLSchema] = SCHEMA._schema
"""graphql-core's own schema: documents are prepared and executed by it, without strawberry's per-request machinery."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. `executed`: whether there was an execution, so that `data` is there."""

    body: Mapping[str, Any]
    executed: bool


@dataclass(slots=True)
class Asked:
    """One question at one landlord."""

    parts: ApiParts
    documents: Documents
    landlord: LandlordRow
    reading: Reading
    speaker: Speaker
    authorization: str | None
    address: str
    operation_name: str = ""

    async def answer(self, question: Question, *, reading_only: bool) -> Answer:
        """The answer. RefusedError when nothing was executed."""
        prepared = self.documents.prepare(question.query, reading_only=reading_only)
        self.operation_name = prepared.name
        operation = prepared.operation(question.operation_name)
        limits.check(CORE, operation, prepared.fragments, question.variables)
        if prepared.changes(operation) > 1:
            raise RefusedError("ONE_MUTATION", found=prepared.changes(operation))
        session = await self._session(prepared, operation)
        result = await self._execute(prepared, question, session)
        return self._worded(result)

    async def _session(self, prepared: Prepared, operation: OperationDefinitionNode) -> Session | None:
        if prepared.asks_only(operation, PUBLIC):
            return None
        try:
            return await open_session(self.reading, self.authorization, now=self.parts.clock.now())
        except UnauthenticatedError as error:
            raise RefusedError("UNAUTHENTICATED", status=401) from error

    async def _execute(self, prepared: Prepared, question: Question, session: Session | None) -> ExecutionResult:
        context = Context(
            landlord=self.landlord,
            reading=self.reading,
            session=session,
            now=self.parts.clock.now(),
            today=today(self.parts.clock, self.landlord.time_zone),
            address=self.address,
            link_key=self.parts.link_key,
            clock=self.parts.clock,
            bell=self.parts.bell,
            language=self.speaker.language,
        )
        result = execute(
            CORE,
            prepared.document,
            context_value=context,
            variable_values=dict(question.variables),
            operation_name=question.operation_name,
            hide_suggestions=True,
        )
        return await result if inspect.isawaitable(result) else result

    def _worded(self, result: ExecutionResult) -> Answer:
        errors = result.errors or []
        if self.reading.failure is not None:
            return Answer({"errors": [self.speaker.mask(self.reading.failure)], "data": None}, executed=True)
        if result.data is None and errors and not any(each.path for each in errors):
            raise invalid("INVALID_VARIABLES", errors)
        worded = {"errors": [self.speaker.explain(each) for each in errors]} if errors else {}
        return Answer({**worded, "data": result.data}, executed=True)


def refused(error: RefusedError, speaker: Speaker) -> Answer:
    """A request that was not executed, in words: `errors` and no `data`."""
    faults = error.faults if isinstance(error, InvalidError) else [error]
    return Answer({"errors": [speaker.refuse(each) for each in faults]}, executed=False)
