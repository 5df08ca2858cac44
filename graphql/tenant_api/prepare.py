"""Documents read and validated once: the same text is the same document."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    parse,
    specified_rules,
    validate,
)

from tenant_api.errors import RefusedError
from tenant_api.limits import MOST_TOKENS

_MOST_ERRORS: Final = 10
_MOST_COMMENTS: Final = 200
_KEPT_CHARACTERS: Final = 200_000


@dataclass(frozen=True, slots=True)
class Prepared:
    """A valid document. `name` is a hash of its text, for logs: the text itself may hold values."""

    document: DocumentNode
    operations: Mapping[str | None, OperationDefinitionNode]
    fragments: Mapping[str, FragmentDefinitionNode]
    name: str

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation to run. RefusedError when the name leads to none, or is needed."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if name is None or name not in self.operations:
            raise RefusedError("UNKNOWN_OPERATION")
        return self.operations[name]

    def asks_only(self, operation: OperationDefinitionNode, public: frozenset[str]) -> bool:
        """Whether an operation asks nothing but these root fields."""
        return self._root_fields(operation.selection_set, set()) <= public

    def changes(self, operation: OperationDefinitionNode) -> int:
        """How many things a mutation would do: an alias is one more."""
        if operation.operation is not OperationType.MUTATION:
            return 0
        return self._count(operation.selection_set, set())

    def _count(self, selected: SelectionSetNode, seen: set[str]) -> int:
        count = 0
        for selection in selected.selections:
            if isinstance(selection, FieldNode):
                count += not selection.name.value.startswith("__")
            elif isinstance(selection, InlineFragmentNode):
                count += self._count(selection.selection_set, seen)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in seen:
                seen.add(selection.name.value)
                count += self._count(self.fragments[selection.name.value].selection_set, seen)
        return count

    def _root_fields(self, selected: SelectionSetNode, seen: set[str]) -> set[str]:
        names: set[str] = set()
        for selection in selected.selections:
            if isinstance(selection, FieldNode):
                names.add(selection.name.value)
            elif isinstance(selection, InlineFragmentNode):
                names |= self._root_fields(selection.selection_set, seen)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in seen:
                seen.add(selection.name.value)
                names |= self._root_fields(self.fragments[selection.name.value].selection_set, seen)
        return names


@dataclass(slots=True)
class Documents:
    """Documents by their text, the least recently used forgotten first; what they take up is bounded.

    `introspection`: whether the schema may be asked about. Suggestions ("did you mean …") are never given.
    """

    schema: GraphQLSchema
    introspection: bool
    _kept: OrderedDict[str, Prepared] = field(default_factory=OrderedDict)
    _characters: int = 0

    def prepare(self, text: str, *, reading_only: bool = False) -> Prepared:
        """The document of a text. RefusedError when it cannot be read or does not fit the schema.

        `reading_only`: refuse at once what would change something (asked by GET).
        """
        known = self._kept.get(text)
        if known is not None:
            self._kept.move_to_end(text)
            return known
        document = _parse(text)
        if reading_only and any(_changes(each) for each in document.definitions):
            raise RefusedError("METHOD_NOT_ALLOWED", status=405)
        self._validate(document)
        return self._keep(text, _prepared(text, document))

    def _validate(self, document: DocumentNode) -> None:
        rules = specified_rules if self.introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
        errors = validate(self.schema, document, rules, max_errors=_MOST_ERRORS, hide_suggestions=True)
        if errors:
            raise invalid("INVALID_QUERY", errors)

    def _keep(self, text: str, prepared: Prepared) -> Prepared:
        self._kept[text] = prepared
        self._characters += len(text)
        while self._characters > _KEPT_CHARACTERS:
            forgotten, _ = self._kept.popitem(last=False)
            self._characters -= len(forgotten)
        return prepared


class InvalidError(RefusedError):
    """A document or variables that do not fit: every fault is told, each with its place."""

    def __init__(self, code: str, faults: list[RefusedError]) -> None:
        super().__init__(code)
        self.faults = faults


def invalid(code: str, errors: list[GraphQLError]) -> InvalidError:
    """The library's own findings (in English, for developers) as faults of ours."""
    return InvalidError(
        code,
        [RefusedError(code, locations=each.formatted.get("locations"), detail=each.message) for each in errors],
    )


def _parse(text: str) -> DocumentNode:
    try:
        return parse(text, max_lexical_tokens=MOST_TOKENS, max_comments=_MOST_COMMENTS)
    except GraphQLSyntaxError as error:
        if "Parsing aborted" in error.message:
            raise RefusedError("TOO_MANY_TOKENS", most=MOST_TOKENS) from error
        raise invalid("SYNTAX_ERROR", [error]) from error


def _prepared(text: str, document: DocumentNode) -> Prepared:
    found = document.definitions
    operations = [each for each in found if isinstance(each, OperationDefinitionNode)]
    return Prepared(
        document=document,
        operations={each.name.value if each.name else None: each for each in operations},
        fragments={each.name.value: each for each in found if isinstance(each, FragmentDefinitionNode)},
        name=hashlib.sha256(text.encode()).hexdigest()[:16],
    )


def _changes(definition: Any) -> bool:
    return isinstance(definition, OperationDefinitionNode) and definition.operation is not OperationType.QUERY
