"""What a query may cost is worked out before anything is executed."""

from __future__ import annotations

from typing import Any

import pytest

from tenant_api import limits
from tenant_api.answer import CORE
from tenant_api.prepare import Documents


def items(query: str, **variables: Any) -> int:
    prepared = Documents(CORE, introspection=True).prepare(query)
    return limits.check(CORE, prepared.operation(None), prepared.fragments, variables).items


def nested(levels: int) -> str:
    inner = "accounts(first: 1) { contracts(first: 1) { " * levels + "reference" + " } }" * levels
    return f"{{ viewer {{ contracts {{ nodes {{ {inner} }} }} }} }}"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ landlord { name } }", 1),
        ("{ viewer { displayName } }", 1),
        ("{ viewer { contracts(first: 5) { nodes { reference } } } }", 1 + 5 * (1 + 1)),
        ("{ viewer { contracts(first: 5) { nodes { unit { address { city } } } } } }", 1 + 5 * (1 + 1 + 2)),
        (
            "{ viewer { accounts(first: 2) { ledger(first: 30) { nodes { amount { amount } } } } } }",
            1 + 2 * (1 + 30 * 3),
        ),
        ("{ viewer { a: accounts(first: 2) { id } b: accounts(first: 3) { id } } }", 1 + 2 + 3),
        ("{ viewer { accounts { id } } }", 1 + 20),
        ("{ ...V } fragment V on Query { viewer { ...A } } fragment A on Viewer { accounts(first: 4) { id } }", 1 + 4),
        ("{ viewer { ... on Viewer { accounts(first: 4) { id } } ... { accounts(first: 4) { id } } } }", 1 + 4 + 4),
        ('{ node(id: "x") { ... on Account { ledger(first: 7) { nodes { id } } } } }', 1 + 7 * 2),
        ("{ __schema { types { fields { args { name } } } } }", 0),
    ],
)
def test_cost_counts_what_lists_may_hold(query: str, expected: int) -> None:
    assert items(query) == expected


def test_cost_counts_with_the_variables_given_or_their_defaults() -> None:
    query = "query ($n: Int! = 3) { viewer { accounts(first: $n) { id } } }"
    assert items(query) == 1 + 3
    assert items(query, n=50) == 1 + 50


async def test_a_query_that_may_touch_too_much_is_refused_before_it_asks_anything(api: Any, world: Any) -> None:
    query = """{ viewer { contracts(first: 100) { nodes { accounts(first: 100) { ledger(first: 100) {
      nodes { amount { amount } } } } } } } }"""
    response = await api.post(query, tenant="claire")
    error = response.json()["errors"][0]
    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert error["extensions"]["found"] == 1 + 100 * (1 + 1 + 100 * (1 + 100 * 3))
    assert error["extensions"]["most"] == limits.MOST_ITEMS
    assert "data" not in response.json()


async def test_a_query_nested_too_deep_is_refused(api: Any) -> None:
    assert await api.codes(nested(3)) == []
    assert await api.codes(nested(5)) == ["QUERY_TOO_DEEP"]


async def test_depth_hidden_in_fragments_counts(api: Any) -> None:
    chain = " ".join(
        f"fragment F{n} on Account {{ contracts(first: 1) {{ accounts(first: 1) {{ ...F{n + 1} }} }} }}"
        for n in range(8)
    )
    query = f"{{ viewer {{ accounts {{ ...F0 }} }} }} {chain} fragment F8 on Account {{ id }}"
    assert await api.codes(query) == ["QUERY_TOO_DEEP"]


async def test_fragments_that_double_each_other_are_refused_at_once(api: Any) -> None:
    doubling = " ".join(
        f"fragment F{n} on Query {{ a{n}: landlord {{ name }} ...F{n + 1} ... {{ ...F{n + 1} }} }}" for n in range(60)
    )
    query = f"{{ ...F0 }} {doubling} fragment F60 on Query {{ __typename }}"
    assert await api.codes(query) == ["TOO_MANY_ALIASES"]


async def test_a_fragment_that_spreads_itself_is_refused(api: Any) -> None:
    assert set(await api.codes("{ ...A } fragment A on Query { ...A }")) == {"INVALID_QUERY"}


async def test_too_many_aliases_are_refused(api: Any) -> None:
    aliased = " ".join(f"a{n}: landlord {{ name }}" for n in range(limits.MOST_ALIASES))
    assert await api.codes(f"{{ {aliased} }}") == []
    assert await api.codes(f"{{ {aliased} more: landlord {{ name }} }}") == ["TOO_MANY_ALIASES"]


async def test_too_many_tokens_are_refused(api: Any) -> None:
    query = "{ viewer { accounts { ledger(kinds: [%s]) { nodes { id } } } } }"
    assert await api.codes(query % ("RENT " * 1900)) == []
    assert await api.codes(query % ("RENT " * 2000)) == ["TOO_MANY_TOKENS"]


async def test_too_many_comments_or_directives_are_refused(api: Any) -> None:
    assert await api.codes("#\n" * 500 + "{ __typename }") == ["TOO_MANY_TOKENS"]
    assert set(await api.codes("{ __typename" + "@aa" * 500 + " }")) == {"INVALID_QUERY"}
    assert len(await api.codes("{ __typename" + "@aa" * 500 + " }")) <= 11


@pytest.mark.parametrize(
    ("first", "code"),
    [(101, "PAGE_TOO_LARGE"), (2**31 - 1, "PAGE_TOO_LARGE"), (0, "INVALID_ARGUMENT"), (-5, "INVALID_ARGUMENT")],
)
async def test_a_page_holds_one_to_a_hundred(api: Any, first: int, code: str) -> None:
    assert await api.codes(f"{{ viewer {{ accounts(first: {first}) {{ id }} }} }}") == [code]
    query = "query ($n: Int!) { viewer { accounts(first: $n) { id } } }"
    assert await api.codes(query, variables={"n": first}) == [code]


@pytest.mark.parametrize("first", ["5", 1.5, None, True, [1], {}, 1e300])
async def test_a_page_size_that_is_no_whole_number_is_refused(api: Any, first: Any) -> None:
    query = "query ($n: Int!) { viewer { accounts(first: $n) { id } } }"
    codes = await api.codes(query, variables={"n": first})
    assert codes in (["INVALID_VARIABLES"], ["PAGE_TOO_LARGE"])


async def test_nested_parentheses_do_not_break_the_parser(api: Any) -> None:
    assert set(await api.codes("{" * 1500)) == {"SYNTAX_ERROR"}
    assert len(await api.codes("{ node(id: " + "[" * 900 + "]" * 900 + ") { id } }")) == 1


def test_documents_are_kept_by_their_text_within_bounds() -> None:
    documents = Documents(CORE, introspection=True)
    kept = documents.prepare("{ landlord { name } }")
    assert documents.prepare("{ landlord { name } }") is kept
    for number in range(30):
        documents.prepare(f"{{ landlord {{ name }} }} #{number}{'x' * 9_000}")
    assert documents._characters <= 200_000
    assert documents.prepare("{ landlord { name } }") is not kept
