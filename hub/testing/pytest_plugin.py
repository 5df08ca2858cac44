"""Found by pytest through its entry point: makes the contract suites' failures readable. Imports nothing of the hub."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "hub.testing.erp_contract", "hub.testing.payment_contract", "hub.testing.payment_incoming"
)
