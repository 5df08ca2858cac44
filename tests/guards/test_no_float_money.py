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
    "hub/services/payments",
    "hub/payments",
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
    """`folder / "name"`: a path's slash has a text on one side, a division never."""
    sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.value,)
    return any(isinstance(side, ast.JoinedStr | ast.Constant) and not _is_number(side) for side in sides)


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def test_there_is_payment_code_to_look_at() -> None:
    assert len(files()) > 10


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_payment_code_holds_no_float(file: Path) -> None:
    assert list(floats(file.read_text())) == []


@pytest.mark.parametrize("source", ["a = 0.5", "float(x)", "x / 2", "x / y", "x /= 100", "1 / 2"])
def test_a_float_would_be_found(source: str) -> None:
    assert list(floats(source))


@pytest.mark.parametrize("source", ["x // 2", "folder / 'name'", "folder / f'{x}'", "divmod(x, 100)"])
def test_what_makes_no_float_is_left_alone(source: str) -> None:
    assert not list(floats(source))
