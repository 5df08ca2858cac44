"""Money is whole cents: no float, and nothing that makes one, in code that handles payments."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = (
    "plugins/payment_providers",
    "hub/domain/payments.py",
    "hub/domain/payment_events.py",
    "hub/domain/allocation.py",
    "hub/ports/payments.py",
    "hub/domain/money.py",
    "hub/paying",
    "hub/services/pay.py",
    "hub/services/read_payments.py",
    "hub/services/read_account.py",
    "hub/store/payment_rows.py",
    "hub/store/posting_rows.py",
    "hub/store/refund_rows.py",
    "hub/store/settlement_rows.py",
    "hub/store/offline_rows.py",
    "hub/store/reads/payments.py",
    "hub/store/reads/debts.py",
    "hub/ports/postings.py",
    "graphql/tenant_api/types/payment.py",
)


def files() -> list[Path]:
    places = [ROOT / place for place in PLACES if (ROOT / place).exists()]
    return sorted(file for place in places for file in ([place] if place.is_file() else place.rglob("*.py")))


def floats(source: str) -> Iterator[str]:
    """What in a source is a float or makes one: a literal, `float(…)`, a true division between numbers."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield f"line {node.lineno}: the number {node.value}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
            yield f"line {node.lineno}: float(…)"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div) and not _is_path(node):
            yield f"line {node.lineno}: a division that gives a float"


def _is_path(node: ast.BinOp | ast.AugAssign) -> bool:
    """`folder / "name"`, and what goes on from it: a path's slash has a text on one side, a division never."""
    sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.value,)
    return any(_is_text(side) for side in sides)


def _is_text(side: ast.expr) -> bool:
    if isinstance(side, ast.BinOp) and isinstance(side.op, ast.Div):
        return _is_path(side)
    return isinstance(side, ast.JoinedStr | ast.Constant) and not _is_number(side)


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


@pytest.mark.parametrize("place", PLACES)
def test_every_place_is_there_to_be_looked_at(place: str) -> None:
    assert (ROOT / place).exists()


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_payment_code_holds_no_float(file: Path) -> None:
    assert list(floats(file.read_text())) == []


@pytest.mark.parametrize("source", ["a = 0.5", "float(x)", "x / 2", "x / y / z", "x / y", "x /= 100", "1 / 2"])
def test_a_float_would_be_found(source: str) -> None:
    assert list(floats(source))


@pytest.mark.parametrize(
    "source", ["x // 2", "folder / 'name'", "folder / f'{x}'", "folder / 'a' / name", "divmod(x, 100)"]
)
def test_what_makes_no_float_is_left_alone(source: str) -> None:
    assert not list(floats(source))
