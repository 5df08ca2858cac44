"""Lakeside Homes' receipt batches: opened, filled, looked through, posted as a whole or cancelled.

The operations and their order are Voyager's; how its texts read beside `N Receipts were added to Batch M`, and what the
list of open batches looks like, is invented. Batches that are open are forgotten when the sandbox stops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from threading import RLock

from lxml import etree

from hub.sandbox.model import World
from hub.sandbox.soap_operations import Arguments, BusinessError, Reply
from hub.sandbox.soap_payments import NoAnswerError
from hub.sandbox.soap_rows import amount, leaf
from hub.sandbox.till import Asked, Ending, Refusal, RefusedError, Till

NAMESPACE = "http://tempuri.org/YSI.Interfaces.WebServices/ItfResidentTransactions20_SysBatch"
PATH = "/lakeside/webservices/ItfResidentTransactions20_SysBatch.asmx"
NO_ACCESS = -2
_FIRST = 4_000
_TEXTS: Mapping[Refusal, str] = {
    "closed": "The post month is outside your allowable range for property {site}",
    "locked": "Resident {account} is being edited by another user. Please try again later.",
    "duplicate": "A receipt with document number {reference} already exists",
    "account": "Resident {account} does not exist in property {site}",
    "amount": "The amount of a receipt is not valid",
    "payment": "The receipt to be reversed does not exist",
    "reversed": "Receipt has already been reversed",
}
_METHODS = ("Credit Card", "ACH", "Check", "Cash")
_REVERSALS = {"NSF": "Returned Payment", "Refund": "Refund"}


@dataclass(slots=True)
class _Batch:
    site: str
    description: str
    receipts: list[Asked] = field(default_factory=list)


class Batches:
    """The batches of one server. `refusal` makes a `Messages` document of a text and its kind."""

    def __init__(self, refusal: Callable[..., BusinessError]) -> None:
        self.till: Till | None = None
        self._refusal, self._lock = refusal, RLock()
        self._open: dict[int, _Batch] = {}
        self._last = _FIRST

    @property
    def operations(self) -> Mapping[str, Callable[[World, Arguments], Reply]]:
        return {
            "OpenReceiptBatch_DepositDate": self._begin,
            "AddReceiptsToBatch": self._add,
            "ReviewReceiptBatch": self._review,
            "PostReceiptBatch": self._post,
            "CancelReceiptBatch": self._cancel,
            "ReturnOpenReceiptBatches": self._list,
        }

    def _begin(self, world: World, given: Arguments) -> Reply:
        site = given.get("YardiPropertyId", "")
        if site not in {one.code for one in world.sites}:
            return Reply(str(NO_ACCESS), iter(()), "")
        with self._lock:
            self._last += 1
            self._open[self._last] = _Batch(site, given.get("BatchDescription", ""))
            return Reply(str(self._last), iter(()), "")

    def _add(self, world: World, given: Arguments) -> Reply:
        """All the receipts of the call, or none."""
        with self._lock:
            number, batch = self._batch(given)
            receipts = [self._judged(world, one, number) for one in _payments(given.get("TransactionXml", ""))]
            if not receipts:
                raise self._refusal("The transaction XML holds no receipt")
            batch.receipts += receipts
            return self._said(f"{len(receipts)} Receipts were added to Batch {number}")

    def _review(self, world: World, given: Arguments) -> Reply:
        with self._lock:
            number, batch = self._batch(given)
            total = sum(one.cents if one.reverses is None else -one.cents for one in batch.receipts)
            return self._said(f"Batch {number} holds {len(batch.receipts)} Receipts, {amount(total)} in all")

    def _post(self, world: World, given: Arguments) -> Reply:
        till = self._till()
        with self._lock, till.lock:
            number, batch = self._batch(given)
            for receipt in batch.receipts:
                self._judge(till, receipt, batch.site)
            ends: set[Ending] = {till.book(receipt, till.meets()).ends for receipt in batch.receipts} - {""}
            del self._open[number]
        if ends:
            raise NoAnswerError(ends.pop())
        return self._said(f"Batch {number} was posted with {len(batch.receipts)} Receipts")

    def _cancel(self, world: World, given: Arguments) -> Reply:
        with self._lock:
            number, _ = self._batch(given)
            del self._open[number]
            return self._said(f"Batch {number} was cancelled")

    def _list(self, world: World, given: Arguments) -> Reply:
        with self._lock:
            found = [(number, one) for number, one in self._open.items() if one.site == given.get("YardiPropertyId")]
        rows = (
            f"<ReceiptBatch>{leaf('BatchId', str(number))}{leaf('Description', one.description)}"
            f"{leaf('Receipts', str(len(one.receipts)))}</ReceiptBatch>"
            for number, one in found
        )
        return Reply('<ReceiptBatches xmlns="">', rows, "</ReceiptBatches>")

    def _batch(self, given: Arguments) -> tuple[int, _Batch]:
        text = given.get("BatchId", "")
        number = int(text) if text.isascii() and text.isdecimal() else 0
        if number in self._open:
            return number, self._open[number]
        if _FIRST < number <= self._last:
            raise self._refusal(f"Batch {number} is no longer open")
        raise self._refusal(f"Batch {text} does not exist")

    def _judged(self, world: World, receipt: Asked, number: int) -> Asked:
        till, batch = self._till(), self._open[number]
        lots = {unit.id for unit in world.units if unit.building == batch.site}
        living = {one.account for one in world.contracts if one.units[0].unit in lots}
        if receipt.account not in living:
            raise self._refusal(_TEXTS["account"].format(account=receipt.account, site=batch.site))
        self._judge(till, receipt, batch.site)
        if any(receipt.reference == one.reference for open_one in self._open.values() for one in open_one.receipts):
            raise self._refusal(_TEXTS["duplicate"].format(reference=receipt.reference))
        if (why := till.refuses()) is not None:
            raise self._refusal(_TEXTS[why].format(account=receipt.account, site=batch.site))
        return receipt

    def _judge(self, till: Till, receipt: Asked, site: str) -> None:
        try:
            till.judge(receipt)
        except RefusedError as refused:
            text = _TEXTS[refused.why].format(account=receipt.account, site=site, reference=receipt.reference)
            raise self._refusal(text) from None

    def _till(self) -> Till:
        if self.till is None:
            raise self._refusal("Receipts are not set up for this interface")
        return self.till

    def _said(self, text: str) -> Reply:
        return Reply(self._refusal(text, kind="FYI").xml(), iter(()), "")


def _payments(text: str) -> Iterator[Asked]:
    """The receipts of a transaction XML, whatever its namespaces."""
    try:
        root = etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return
    for payment in root.iter("{*}Payment"):
        said = {etree.QName(leaf).localname: (leaf.text or "").strip() for leaf in payment.iter("{*}*")}
        kind = payment.get("Type", "")
        reversal = payment.find("{*}Detail/{*}Reversal")
        cents = _cents(said.get("Amount", ""))
        yield Asked(
            reference=said.get("DocumentNumber", ""),
            account=said.get("CustomerID", ""),
            cents=cents if reversal is None else -cents,
            code=kind if kind in (*_METHODS, *_REVERSALS) else "Check",
            label=_REVERSALS.get(kind, f"{kind} Payment"),
            paid_on=_day(said.get("TransactionDate", "")),
            reverses=None if reversal is None else said.get("ReceiptID") or said.get("ReceiptDocument", ""),
        )


def _cents(text: str) -> int:
    try:
        cents = Decimal(text) * 100
    except InvalidOperation:
        return 0
    return int(cents) if cents == cents.to_integral_value() else 0


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return date.min
