"""What a query may cost, worked out before anything is executed.

Cost counts the items a query may touch: an object counts one, and everything inside a list counts as often as the
list may be long (`first`). Fragments are counted wherever they are spread; introspection is not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
)

from tenant_api.errors import RefusedError

MOST_TOKENS: Final = 2_000
MOST_LEVELS: Final = 12
MOST_ALIASES: Final = 30
MOST_ITEMS: Final = 100_000
LARGEST_PAGE: Final = 100

Parent = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType


@dataclass(frozen=True, slots=True)
class Measure:
    """How deep a selection is, how many aliases it uses, how many items it may touch."""

    levels: int = 0
    aliases: int = 0
    items: int = 0

    def beside(self, other: Measure) -> Measure:
        return Measure(max(self.levels, other.levels), self.aliases + other.aliases, self.items + other.items)


def check(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
) -> Measure:
    """The measure of a valid query. RefusedError when it goes beyond a limit."""
    found = _Ruler(schema, operation, fragments, variables).whole()
    for code, value, most in (
        ("QUERY_TOO_DEEP", found.levels, MOST_LEVELS),
        ("TOO_MANY_ALIASES", found.aliases, MOST_ALIASES),
        ("QUERY_TOO_COMPLEX", found.items, MOST_ITEMS),
    ):
        if value > most:
            raise RefusedError(code, found=value, most=most)
    return found


class _Ruler:
    """Measures one operation with its variables. A fragment is measured once, however often it is spread."""

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._fragments = fragments
        self._variables = {**_defaults(operation), **variables}
        self._known: dict[str, Measure] = {}

    def whole(self) -> Measure:
        root = self._schema.get_root_type(self._operation.operation)
        return self._inside(self._operation.selection_set, root) if root else Measure()

    def _inside(self, selected: SelectionSetNode | None, parent: Parent) -> Measure:
        total = Measure()
        for selection in selected.selections if selected else ():
            total = total.beside(self._one(selection, parent))
        return total

    def _one(self, selection: SelectionNode, parent: Parent) -> Measure:
        if isinstance(selection, FragmentSpreadNode):
            return self._fragment(selection.name.value)
        if isinstance(selection, InlineFragmentNode):
            condition = selection.type_condition
            return self._inside(selection.selection_set, self._type(condition.name.value) if condition else parent)
        return self._field(selection, parent) if isinstance(selection, FieldNode) else Measure()

    def _fragment(self, name: str) -> Measure:
        if name not in self._known:
            fragment = self._fragments[name]
            self._known[name] = self._inside(fragment.selection_set, self._type(fragment.type_condition.name.value))
        return self._known[name]

    def _field(self, node: FieldNode, parent: Parent) -> Measure:
        field = None if isinstance(parent, GraphQLUnionType) else parent.fields.get(node.name.value)
        alias = int(node.alias is not None)
        if field is None or node.selection_set is None:  # __typename and introspection, or a leaf
            return Measure(1, alias)
        inner = self._inside(node.selection_set, get_named_type(field.type))
        items = self._times(node, field) * (1 + inner.items)
        return Measure(1 + inner.levels, alias + inner.aliases, items)

    def _times(self, node: FieldNode, field: GraphQLField) -> int:
        """How long a list may be. RefusedError when `first` is not between 1 and the largest page."""
        if "first" not in field.args:
            return 1
        given = next((each.value for each in node.arguments or () if each.name.value == "first"), None)
        first = field.args["first"].default_value if given is None else self._number(given)
        if first < 1:
            raise RefusedError("INVALID_ARGUMENT", argument="first")
        if first > LARGEST_PAGE:
            raise RefusedError("PAGE_TOO_LARGE", found=first, most=LARGEST_PAGE)
        return first

    def _number(self, value: ValueNode) -> int:
        """The value of a whole number; one that is none is refused later, with the variables."""
        if isinstance(value, IntValueNode):
            return int(value.value)
        given = self._variables.get(value.name.value) if isinstance(value, VariableNode) else None
        return int(given) if isinstance(given, int | float) and given == given // 1 else LARGEST_PAGE

    def _type(self, name: str) -> Parent:
        found = self._schema.get_type(name)
        if not isinstance(found, Parent):
            raise RefusedError("INVALID_QUERY", detail=f"{name} has no fields.")
        return found


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    """The whole numbers variables stand for when they are not given."""
    return {
        each.variable.name.value: int(each.default_value.value)
        for each in operation.variable_definitions or ()
        if isinstance(each.default_value, IntValueNode)
    }
