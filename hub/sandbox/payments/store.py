"""All the provider knows, in memory, and on disk as one line a change: killed at any moment, it forgets nothing that
it has answered."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hub.sandbox.payments.model import Delivery, Payment

_JOURNAL = "journal.jsonl"


class Store:
    """Wants its caller's lock held. `notes`: small facts by name (chaos, clock, settings, answers given to a key)."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / _JOURNAL
        self.payments: dict[str, Payment] = {}
        self.deliveries: dict[str, Delivery] = {}
        self.notes: dict[str, Any] = {}
        self._by_reference: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._by_transaction: dict[str, str] = {}
        self._by_shop: dict[str, list[str]] = defaultdict(list)
        self._told: dict[str, list[str]] = defaultdict(list)
        for line in _lines(self._path):
            self._take(line)
        self._rewrite()
        self._file = self._path.open("a", encoding="utf-8")

    def close(self) -> None:
        self._file.close()

    def keep_payment(self, payment: Payment) -> None:
        self._hold_payment(payment)
        self._write({"p": payment.as_json()})

    def keep_delivery(self, delivery: Delivery) -> None:
        self._hold_delivery(delivery)
        self._write({"d": delivery.as_json()})

    def note(self, name: str, value: Any) -> None:
        self.notes[name] = value
        self._write({"n": name, "v": value})

    def of_reference(self, shop: str, reference: str) -> list[Payment]:
        """Oldest first."""
        return [self.payments[one] for one in self._by_reference.get((shop, reference), ())]

    def of_shop(self, shop: str) -> list[Payment]:
        return [self.payments[one] for one in self._by_shop.get(shop, ())]

    def of_transaction(self, wanted: str) -> Payment | None:
        found = self._by_transaction.get(wanted)
        return self.payments[found] if found else None

    def told_of(self, payment: str) -> list[Delivery]:
        return [self.deliveries[one] for one in self._told.get(payment, ())]

    def _take(self, line: Mapping[str, Any]) -> None:
        if "p" in line:
            self._hold_payment(Payment.from_json(line["p"]))
        elif "d" in line:
            self._hold_delivery(Delivery(**line["d"]))
        else:
            self.notes[line["n"]] = line["v"]

    def _hold_payment(self, payment: Payment) -> None:
        if payment.id not in self.payments:
            self._by_reference[payment.shop, payment.reference].append(payment.id)
            self._by_shop[payment.shop].append(payment.id)
        self.payments[payment.id] = payment
        for number in [one.id for one in payment.transactions] + [one.id for one in payment.disputes]:
            self._by_transaction[number] = payment.id

    def _hold_delivery(self, delivery: Delivery) -> None:
        if delivery.id not in self.deliveries:
            self._told[delivery.payment].append(delivery.id)
        self.deliveries[delivery.id] = delivery

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        self._file.flush()

    def _rewrite(self) -> None:
        """Only the last word on each thing."""
        beside = self._path.with_name(f"{_JOURNAL}.tmp")
        with beside.open("w", encoding="utf-8") as self._file:
            for payment in self.payments.values():
                self._write({"p": payment.as_json()})
            for delivery in self.deliveries.values():
                self._write({"d": delivery.as_json()})
            for name, value in self.notes.items():
                self._write({"n": name, "v": value})
        beside.replace(self._path)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """A last line that was cut was never answered for."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.endswith("\n"):
                return
            yield json.loads(line)
