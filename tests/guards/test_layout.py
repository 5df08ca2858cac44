"""The tree keeps its shape: shelves are not packages, tests are not either, and the installed library wins."""

from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("shelf", ["graphql", "plugins"])
def test_a_shelf_is_never_a_package(shelf: str) -> None:
    assert not (ROOT / shelf / "__init__.py").exists()


def test_tests_hold_no_package() -> None:
    found = [path for path in (ROOT / "tests").rglob("__init__.py") if "assets" not in path.parts]

    assert [] == found


def test_graphql_is_the_installed_library() -> None:
    spec = find_spec("graphql")

    assert spec is not None
    assert spec.origin is not None
    assert not Path(spec.origin).is_relative_to(ROOT / "graphql")


@pytest.mark.parametrize("package", ["hub", "erp_connectors", "payment_providers", "tenant_api"])
def test_our_packages_come_from_the_tree(package: str) -> None:
    spec = find_spec(package)

    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(ROOT)


def test_nothing_committed_names_a_registry_or_a_machine() -> None:
    lock = (ROOT / "requirements.lock").read_text()

    assert "://" not in lock
    assert "--index-url" not in lock
