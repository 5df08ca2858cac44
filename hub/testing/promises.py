"""How a contract suite speaks to a plugin's author."""

from __future__ import annotations

import pytest


def promise(kept: bool, otherwise: str) -> None:
    """Fail the running test with a sentence for the plugin's author."""
    if not kept:
        pytest.fail(otherwise, pytrace=False)
