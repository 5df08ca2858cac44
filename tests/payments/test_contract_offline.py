"""The `offline` provider keeps every promise of the trade, for each of its means."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from hub.testing.payment_contract import PaymentProviderContract
from payment_providers.offline import OfflineProvider

IBAN = "FR1420041010050500013M02606"


class OfflineContract(PaymentProviderContract):
    provider = OfflineProvider

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> dict[str, Any]:
        return {}


class TestTransfer(OfflineContract):
    settings: ClassVar[dict[str, Any]] = {"means": "transfer", "iban": IBAN, "beneficiary": "Rives d'Oise Habitat"}


class TestCheque(OfflineContract):
    settings: ClassVar[dict[str, Any]] = {"means": "cheque", "beneficiary": "ROH", "address": "BP 1, 95000 Cergy"}


class TestEficash(OfflineContract):
    settings: ClassVar[dict[str, Any]] = {"means": "eficash", "barcode": "2401{account:10}{cents:8}"}


class TestTipSepa(OfflineContract):
    settings: ClassVar[dict[str, Any]] = {"means": "tip_sepa", "address": "Centre TIP, 45900 La Source"}
