"""What a landlord writes about posting payments over SOAP: `[connectors.erp.posting]`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from erp_connectors.posting_values import OF_A_BATCH, OF_A_POSTING, check_methods, check_templates
from erp_connectors.soap.parts import Call, Part, Regex, RowPath
from erp_connectors.soap.xml_arguments import check_xml
from hub.ports import setting

OF_EVERY_CALL = ("today", "user", "secret")
Methods = Annotated[dict[str, str], AfterValidator(check_methods)]
State = Literal["posted", "sent", "retryable", "terminal", "absent"]


class Answer(Part):
    """What a text that answers a posting (*message métier*, or a Fault) means. One nobody knows is a refusal for a
    person to look at."""

    match: Regex = setting("Regular expression, found anywhere in the text")
    means: Literal["done", "posted", "retryable", "terminal"] = setting(
        "done: it says that all is well; posted: the ERP had it already; retryable: not now; terminal: never"
    )


class Question(Call):
    """A call that changes nothing and is answered with rows."""

    rows: RowPath = setting("The element that is a row, by its path from the one that repeats", example="Reglement")
    silence: Literal["empty", "misconfigured"] = setting(
        "What an answer without rows and without a message means", default="empty"
    )


class Find(Question):
    """The question whether the ERP has a posting, and how its rows are read."""

    reference: str = setting("Our reference in a row", example="Reference")
    erp_ref: str | None = setting("The ERP's own id in a row", default=None)
    days_before: int = setting("{from} is so many days before the payment", default=5, ge=0)
    days_after: int = setting("{to} is so many days after it, or after today if that is later", default=92, ge=0)
    state: str | None = setting("What the entry's state is in a row; without it what is found is posted", default=None)
    states: dict[str, State] = setting("The ERP's states: posted, sent, retryable, terminal or absent", default={})

    @model_validator(mode="after")
    def _states_known(self) -> Self:
        if (self.state is None) == bool(self.states):
            raise ValueError('state and states go together: state = "Etat", states = { CPT = "posted" }')
        return self


class Opening(Call):
    """The call that opens a batch."""

    id: str = setting("Where the answer says the batch's number", example="OpenReceiptBatch_DepositDateResult")


class OpenOnes(Question):
    """The call that lists the batches that are open."""

    id: str = setting("Its number in a row", example="BatchId")
    description: str = setting("Its description in a row", example="Description")


class Receipts(Part):
    """Postings are added to a batch of the ERP (Yardi's receipt batches), which is then posted as a whole.

    The batch is known by its `description`: what a time-out or a kill left open is cancelled before anything is sent
    again, so nothing is posted twice.
    """

    description: str = setting("What our batches are called, {number} in it", default="Housing Hub {number}")
    open: Opening = setting("Opens a batch")
    review: Call | None = setting("Has it looked through before it is posted", default=None)
    post: Call = setting("Posts it")
    cancel: Call = setting("Gives it up")
    list: OpenOnes = setting("Lists the open ones")

    def calls(self) -> Iterator[Call]:
        yield from (self.open, self.post, self.cancel, self.list)
        if self.review is not None:
            yield self.review


class SoapPosting(Part):
    """How payments are entered in the ERP."""

    wsdl: str | None = setting(
        "Where the operations are described that the connector's WSDL lacks; its place may be told from that one's",
        default=None,
        example="ItfResidentTransactions20_SysBatch.asmx?wsdl",
    )
    address: str | None = setting("Where their calls go, when not where that WSDL says", default=None)
    binding: str | None = setting("Which of its bindings to use, when it has several", default=None)
    payment: Call = setting("Enters a payment; with batch: adds it to one")
    reversal: Call | None = setting("Takes a payment back (*extourne*); without it none can be", default=None)
    erp_ref: str | None = setting("Where an answer says the ERP's own id", default=None, example="NumeroEcriture")
    code: str | None = setting("Where a refusal has a code", default=None, example="Messages/Message/Code")
    messages: tuple[Answer, ...] = setting("What the answers' texts mean; the connector's own come after", default=())
    methods: Methods = setting("The ERP's codes for our means of payment", default={}, example={"payment_card": "CB"})
    kinds: dict[Literal["payment", "reversal"], str] = setting("Its codes for {kind}", default={})
    reasons: dict[str, str] = setting(
        "Its codes for why a payment is taken back", default={}, example={"charged_back": "IMPAYE"}
    )
    find: Find | None = setting(
        "Asks whether the ERP has a posting, after a time-out; without it a person has to look", default=None
    )
    batch: Receipts | None = setting("For ERPs that take postings in batches", default=None)

    @model_validator(mode="after")
    def _a_wsdl_of_its_own(self) -> Self:
        if self.wsdl is None and (self.address is not None or self.binding is not None):
            raise ValueError("address and binding in posting go with a wsdl there")
        return self

    @model_validator(mode="after")
    def _templates_known(self) -> Self:
        whole = (*OF_A_POSTING, *OF_A_BATCH, *OF_EVERY_CALL)
        of_batch = (*OF_A_BATCH, "site_ref", *OF_EVERY_CALL)
        for call in (self.payment, self.reversal):
            if call is not None:
                _check(call, (*whole, *(["batch_id"] if self.batch else [])))
        if self.find is not None:
            _check(self.find, (*whole, "from", "to"))
        if self.batch is not None:
            check_templates(self.batch.description, (*OF_A_BATCH, "site_ref"))
            if "{number" not in self.batch.description:
                raise ValueError("the description of a batch holds {number}: it is known by it")
            for call in self.batch.calls():
                named = ["batch_id"] if call in (self.batch.post, self.batch.cancel, self.batch.review) else []
                _check(call, (*of_batch, "description", *named))
        return self

    def calls(self) -> Iterator[Call]:
        """Every call that posting makes."""
        yield from (call for call in (self.payment, self.reversal, self.find) if call is not None)
        if self.batch is not None:
            yield from self.batch.calls()


def _check(call: Call, known: Collection[str]) -> None:
    check_templates(call.arguments, known)
    check_xml(call.arguments)
