"""One small sandbox for all that only reads it; those that change it make their own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from hub.sandbox import Sandbox, World, build_world

TODAY = date(2026, 11, 20)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("world"), contracts=12, today=TODAY) as sandbox:
        yield sandbox


@pytest.fixture(scope="session", params=["rives-doise", "cite-des-tilleuls"])
def world(request: pytest.FixtureRequest) -> World:
    """Each landlord's world at a tenth of its size."""
    return build_world(request.param, contracts=60, today=TODAY)
