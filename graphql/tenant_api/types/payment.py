"""Payments: the means there are, what a tenant has to do, how a payment stands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import strawberry

from hub.services.read_account import Account as AccountFacts
from hub.store.means_rows import Means
from hub.store.reads.payments import PartOfPayment, TenantPayment
from tenant_api import ids
from tenant_api.context import Info
from tenant_api.errors import Language
from tenant_api.ids import Kind
from tenant_api.types.connections import First
from tenant_api.types.money import Money, money
from tenant_api.types.node import Node

if TYPE_CHECKING:
    from tenant_api.types.account import Account

_Account = Annotated["Account", strawberry.lazy("tenant_api.types.account")]


@strawberry.enum(description="How a means of payment works.")
class PaymentFlow(Enum):
    REDIRECT = strawberry.enum_value("redirect", description="The browser goes to the bank's page and comes back.")
    FORM = strawberry.enum_value("form", description="The browser posts a form to the bank's page and comes back.")
    EMBEDDED = strawberry.enum_value("embedded", description="The bank's own form is shown inside the page.")
    INSTRUCTIONS = strawberry.enum_value("instructions", description="The tenant pays elsewhere, as told.")


@strawberry.enum(description="What a payment is made with.")
class PaymentMethod(Enum):
    CARD = strawberry.enum_value("card", description="Card (carte bancaire).")
    DIRECT_DEBIT = strawberry.enum_value("direct_debit", description="Direct debit (prélèvement).")
    TRANSFER = strawberry.enum_value("transfer", description="Bank transfer (virement).")
    CASH = strawberry.enum_value("cash", description="Cash at a counter, e.g. Eficash at the post office.")
    CHEQUE = strawberry.enum_value("cheque", description="Cheque (chèque).")
    TIP = strawberry.enum_value("tip", description="TIP SEPA slip.")
    TEST = strawberry.enum_value("test", description="A pretended payment: no money moves.")


@strawberry.enum(description="Where a payment stands with the bank.")
class PaymentState(Enum):
    CREATED = strawberry.enum_value("created", description="Begun; the bank is being told.")
    ACTION_REQUIRED = strawberry.enum_value("action_required", description="The tenant has something to do.")
    PROCESSING = strawberry.enum_value("processing", description="The bank has not decided yet.")
    UNKNOWN = strawberry.enum_value(
        "unknown", description="The bank did not answer: it is being asked. Do not pay again."
    )
    AUTHORIZED = strawberry.enum_value("authorized", description="Paid; the bank collects the money later.")
    SUCCEEDED = strawberry.enum_value("succeeded", description="Paid.")
    FAILED = strawberry.enum_value("failed", description="Refused; nothing was paid.")
    CANCELED = strawberry.enum_value("canceled", description="Given up by the tenant; nothing was paid.")
    EXPIRED = strawberry.enum_value("expired", description="Its time is over; nothing was paid.")
    REVIEW = strawberry.enum_value("review", description="Something does not fit: the landlord looks at it.")
    PARTIALLY_REFUNDED = strawberry.enum_value("partially_refunded", description="Paid, part of it given back.")
    REFUNDED = strawberry.enum_value("refunded", description="Paid and given back.")
    DISPUTED = strawberry.enum_value("disputed", description="Paid; the cardholder contests it.")
    CHARGED_BACK = strawberry.enum_value("charged_back", description="Paid, and taken back by the cardholder's bank.")


@strawberry.enum(description="Whether the landlord's own system shows a payment.")
class PaymentBooking(Enum):
    NONE = strawberry.enum_value("none", description="There is nothing to enter: no money came.")
    WAITING = strawberry.enum_value("waiting", description="It is being entered in the account.")
    TOLD = strawberry.enum_value("told", description="Entered; the account's ledger shows it after the next night.")
    IN_LEDGER = strawberry.enum_value("in_ledger", description="The account's ledger shows it.")
    STUCK = strawberry.enum_value("stuck", description="The landlord's staff looks after its entry. It counts as paid.")


@strawberry.type(description="A means of payment (moyen de paiement) of an account.")
class PaymentMeans:
    name: str = strawberry.field(description="Give it to `startPayment`.")
    method: PaymentMethod = strawberry.field(description="What is paid with.")
    flow: PaymentFlow = strawberry.field(description="How it works.")
    label: str = strawberry.field(description="What to show, in the reader's language.")
    note: str = strawberry.field(description="What it costs and how long it takes, in the reader's language.")
    fee: Money = strawberry.field(description="What the tenant pays on top, where it is paid elsewhere; else zero.")
    least: Money = strawberry.field(description="The smallest amount it takes.")
    most: Money = strawberry.field(description="The largest amount it takes.")

    @classmethod
    def of(cls, row: Means, language: Language) -> PaymentMeans:
        return cls(
            name=row.provider,
            method=PaymentMethod(row.method),
            flow=PaymentFlow(row.flow),
            label=worded(row.label, language),
            note=worded(row.note, language),
            fee=money(row.fee_cents),
            least=money(row.least_cents),
            most=money(row.most_cents),
        )


@strawberry.type(description="How much of a payment is for which account.")
class PaymentPart:
    row: strawberry.Private[PartOfPayment]
    amount: Money = strawberry.field(description="The amount, positive.")

    @strawberry.field(description="The account.")
    async def account(self, info: Info) -> _Account | None:
        from tenant_api.types.account import Account

        facts: AccountFacts | None = await info.context.loaders.account.load(self.row.account_id)
        return Account.of(facts) if facts else None


@strawberry.type(description="A field of a form.")
class FormField:
    name: str = strawberry.field(description="Its name.")
    value: str = strawberry.field(description="Its value, to be posted as it is.")


@strawberry.type(description="A payment, whoever of the account's tenants began it.")
class Payment(Node):
    row: strawberry.Private[TenantPayment]
    reference: str = strawberry.field(description="What the bank and the landlord know it by.")
    mine: bool = strawberry.field(description="Whether the person asking began it.")
    means: str = strawberry.field(description="The name of the means of payment.")
    method: PaymentMethod = strawberry.field(description="What is paid with.")
    amount: Money = strawberry.field(description="What was asked for, positive.")
    state: PaymentState = strawberry.field(description="Where it stands with the bank.")
    reason: str | None = strawberry.field(description="A stable code of why it failed or is looked at, in lower case.")
    is_open: bool = strawberry.field(description="Whether it may still be paid: ask again, at most every few seconds.")
    booking: PaymentBooking = strawberry.field(description="Whether the landlord's own system shows it.")
    refunded: Money = strawberry.field(description="What was given back or taken back of it.")
    created_at: datetime = strawberry.field(description="When it was begun.")
    expires_at: datetime = strawberry.field(description="Until when it can be paid.")
    paid_at: datetime | None = strawberry.field(description="When the hub heard that it was paid.")

    @classmethod
    def of(cls, row: TenantPayment) -> Payment:
        return cls(
            row=row,
            id=strawberry.ID(ids.encode(Kind.PAYMENT, row.id)),
            reference=row.reference,
            mine=row.mine,
            means=row.provider,
            method=PaymentMethod(row.method),
            amount=money(row.amount_cents),
            state=PaymentState(row.state),
            reason=row.reason or None,
            is_open=row.state in ("created", "action_required", "processing", "unknown"),
            booking=PaymentBooking(row.booked),
            refunded=money(row.refunded_cents + row.lost_cents),
            created_at=row.created_at,
            expires_at=row.expires_at,
            paid_at=row.paid_at,
        )

    @strawberry.field(description="The accounts it is for, as far as the person asking may see them.")
    async def parts(self, info: Info, first: First = 5) -> list[PaymentPart]:
        rows = await info.context.loaders.payment_parts.load(self.row.id)
        return [PaymentPart(row=row, amount=money(row.amount_cents)) for row in rows[:first]]

    @strawberry.field(description="What there is to do now; null unless the person asking began it and can pay it.")
    async def action(self, info: Info) -> PaymentAction | None:
        if not self.is_open or self.row.action is None:
            return None
        return action_of(self.row, info.context.language)


@strawberry.type(description="Send the browser there.")
class PaymentRedirect:
    payment: Payment = strawberry.field(description="The payment.")
    url: str = strawberry.field(description="The bank's page.")


@strawberry.type(description="Post these fields there from the browser.")
class PaymentForm:
    payment: Payment = strawberry.field(description="The payment.")
    url: str = strawberry.field(description="The bank's page.")
    fields: list[FormField] = strawberry.field(description="What to post, signed: change nothing.")


@strawberry.type(description="Show the bank's form inside the page: card data never reach the front end or the hub.")
class PaymentEmbedded:
    payment: Payment = strawberry.field(description="The payment.")
    script_url: str = strawberry.field(description="The bank's script.")
    token: str = strawberry.field(description="The token its form is made with.")
    public_key: str = strawberry.field(description="The public key its script wants.")


@strawberry.type(description="Tell the tenant how to pay elsewhere.")
class PaymentInstructions:
    payment: Payment = strawberry.field(description="The payment.")
    title: str = strawberry.field(description="In the reader's language.")
    text: str = strawberry.field(description="In the reader's language.")
    reference: str | None = strawberry.field(description="What to write on the payment.")
    fields: list[FormField] = strawberry.field(description="Further facts: iban, bic, beneficiary, …")
    barcode: str | None = strawberry.field(description="Payload of the barcode a counter reads.")
    qr: str | None = strawberry.field(description="Payload of the QR code banking apps read (EPC069-12).")


@strawberry.type(description="Nothing is owed: it was paid already, or is being entered.")
class PaymentAlreadyPaid:
    account: _Account = strawberry.field(description="The account as it stands.")


@strawberry.type(description="The bank will not take it, or a first try was refused for good.")
class PaymentRefused:
    payment: Payment = strawberry.field(description="The payment, ended.")
    reason: str = strawberry.field(description="A stable code in lower case.")


@strawberry.type(description="The bank has not answered yet. Ask for the payment again; do not begin another.")
class PaymentPending:
    payment: Payment = strawberry.field(description="The payment.")
    reason: str = strawberry.field(description="`starting`: it is being begun; `bank_silent`: the bank is being asked.")
    poll_after: int = strawberry.field(description="Seconds to wait before asking for the payment again.")


@strawberry.type(description="A payment for one of these accounts is open already. Resume it, or cancel it first.")
class PaymentInProgress:
    code: str = strawberry.field(description="PAYMENT_IN_PROGRESS.")
    payment: Payment = strawberry.field(description="The open payment; its `action` resumes it, if it is one's own.")


@strawberry.type(description="It is paid.")
class PaymentDone:
    payment: Payment = strawberry.field(description="The payment.")


PaymentAction: TypeAlias = Annotated[
    PaymentRedirect | PaymentForm | PaymentEmbedded | PaymentInstructions,
    strawberry.union("PaymentAction", description="What the tenant has to do."),
]
StartPaymentResult: TypeAlias = Annotated[
    PaymentRedirect
    | PaymentForm
    | PaymentEmbedded
    | PaymentInstructions
    | PaymentDone
    | PaymentAlreadyPaid
    | PaymentInProgress
    | PaymentRefused
    | PaymentPending,
    strawberry.union("StartPaymentResult", description="What the front end shows next."),
]


def worded(texts: Mapping[str, str], language: Language) -> str:
    """A text in the reader's language, else in the other."""
    return texts.get(language) or next(iter(texts.values()), "")


def action_of(
    row: TenantPayment, language: Language
) -> PaymentRedirect | PaymentForm | PaymentEmbedded | PaymentInstructions:
    """What there is to do, from what is kept of it."""
    action: Mapping[str, Any] = row.action or {}
    payment = Payment.of(row)
    match action["kind"]:
        case "redirect":
            return PaymentRedirect(payment=payment, url=action["url"])
        case "form":
            return PaymentForm(payment=payment, url=action["url"], fields=_fields(action["fields"]))
        case "embedded":
            return PaymentEmbedded(
                payment=payment,
                script_url=action["script_url"],
                token=action["token"],
                public_key=action["public_key"],
            )
    return PaymentInstructions(
        payment=payment,
        title=worded(action["title"], language),
        text=worded(action["text"], language),
        reference=action["reference"] or None,
        fields=_fields(action["fields"]),
        barcode=action["barcode"] or None,
        qr=action["qr"] or None,
    )


def _fields(given: Mapping[str, str]) -> list[FormField]:
    return [FormField(name=name, value=value) for name, value in given.items()]
