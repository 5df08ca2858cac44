"""The schema as front-end teams rely on it."""

from __future__ import annotations

from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    get_named_type,
    get_nullable_type,
)

from tenant_api import export
from tenant_api.answer import CORE

OURS = {name: kind for name, kind in CORE.type_map.items() if not name.startswith("__")}
BUILT_IN = {"Boolean", "Int", "Float", "String", "ID"}


def test_the_committed_schema_is_what_the_code_serves() -> None:
    assert export.main(["--check"]) == 0


def test_a_schema_that_differs_is_shown_as_a_diff(tmp_path: Path, capsys: object) -> None:
    committed = tmp_path / "schema.graphql"
    assert export.main([], committed) == 0
    assert export.main(["--check"], committed) == 0
    committed.write_text(committed.read_text().replace("displayName", "shownName"))
    assert export.main(["--check"], committed) == 1
    told = capsys.readouterr().err  # type: ignore[attr-defined]
    assert "-  shownName: String" in told
    assert "+  displayName: String" in told


def test_everything_is_described() -> None:
    missing = []
    for name, kind in OURS.items():
        if name not in BUILT_IN and not kind.description:
            missing.append(name)
        if isinstance(kind, GraphQLEnumType):
            missing += [f"{name}.{value}" for value, shown in kind.values.items() if not shown.description]
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field_name, field in kind.fields.items():
                if not field.description:
                    missing.append(f"{name}.{field_name}")
                missing += [f"{name}.{field_name}({each})" for each, arg in field.args.items() if not arg.description]
    assert missing == []


def test_enum_values_are_upper_case() -> None:
    enums = [kind for kind in OURS.values() if isinstance(kind, GraphQLEnumType)]
    assert len(enums) >= 7
    assert all(value.isupper() for kind in enums for value in kind.values)


def test_every_list_is_bounded() -> None:
    """A list takes `first` with a default, or is a page's nodes and edges, which its connection bounds."""
    for name, kind in OURS.items():
        if not isinstance(kind, GraphQLObjectType):
            continue
        for field_name, field in kind.fields.items():
            inner = get_nullable_type(field.type)
            connection = getattr(inner, "name", "").endswith("Connection")
            page = name.endswith("Connection") and field_name in ("nodes", "edges")
            form = get_named_type(field.type) is OURS["FormField"]  # as many as the bank's page wants
            if page or form or not (isinstance(inner, GraphQLList) or connection):
                continue
            first = field.args["first"]
            assert isinstance(first.type, GraphQLNonNull), f"{name}.{field_name}"
            assert 1 <= first.default_value <= 100
            assert connection == ("after" in field.args)


def test_money_is_never_a_float() -> None:
    assert "Float" not in OURS
    money = OURS["Money"]
    assert isinstance(money, GraphQLObjectType)
    assert str(money.fields["amount"].type) == "Decimal!"


def test_what_can_be_done_is_listed() -> None:
    assert CORE.mutation_type is not None
    assert set(CORE.mutation_type.fields) == {"startPayment", "cancelPayment"}
    assert CORE.subscription_type is None


def test_what_has_an_id_is_a_node() -> None:
    for kind in OURS.values():
        if isinstance(kind, GraphQLObjectType) and "id" in kind.fields:
            assert [each.name for each in kind.interfaces] == ["Node"]


def test_scalars_are_few_and_known() -> None:
    scalars = {name for name, kind in OURS.items() if isinstance(kind, GraphQLScalarType)}
    assert scalars - BUILT_IN == {"Date", "DateTime", "Decimal", "Period", "Time"}
