"""Payments: what tenants began, every fact heard of it, what the ERP was told, and the providers' remittances.

What requests may write is little: a payment of the person asking, its parts, a webhook's sealed bytes, a job.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from hub.store.tables.base import ANYONE, landlord_table, refers, unique
from hub.store.tables.canonical import MY_ACCOUNTS

_MY_PERSON: Final = "person_id = (select nullif(current_setting('app.person', true), '')::uuid)"
_NOTHING_HEARD: Final = (
    "gross_cents = 0 and captured_cents = 0 and refunded_cents = 0 and lost_cents = 0 and contested_cents = 0"
    " and checks = 0 and reason = '' and provider_ref = '' and started_at is null and paid_at is null"
)
_PART_OF_MINE: Final = (
    "exists (select from payment_part t where t.landlord_id = payment.landlord_id and t.payment_id = payment.id"
    f" and t.account_id = {MY_ACCOUNTS})"
)

payment_policy = landlord_table(
    "payment_policy",
    Column("minimum_cents", BigInteger, nullable=False),
    Column("advance_cents", BigInteger, nullable=False, comment="how much more than what is owed may be paid"),
    Column("allocation", Text, nullable=False),
    Column("return_urls", ARRAY(Text), nullable=False, comment="where a front end may have the browser sent back to"),
    key=(),
    person=ANYONE,
    comment="What a landlord lets its tenants pay.",
)

payment_means = landlord_table(
    "payment_means",
    Column("provider", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("method", Text, nullable=False),
    Column("flow", Text, nullable=False),
    Column("label", JSONB, nullable=False, comment="by language"),
    Column("note", JSONB, nullable=False, comment="by language: what it costs, how long it takes"),
    Column("fee_cents", BigInteger, nullable=False),
    Column("accounts", ARRAY(Text), nullable=False, comment="kinds of accounts its merchant contract takes"),
    Column("least_cents", BigInteger, nullable=False),
    Column("most_cents", BigInteger, nullable=False),
    Column("lifetime_seconds", Integer, nullable=False),
    Column("can_cancel", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("webhook", Text, nullable=False, comment="signed | ping | none"),
    Column("answer_status", Integer, nullable=False, comment="what its webhooks are answered at once"),
    Column("answer_type", Text, nullable=False),
    Column("answer_body", LargeBinary, nullable=False),
    key=("provider",),
    person=ANYONE,
    comment="Means of payment (moyens de paiement) as applied: all that a request needs to know, no secret.",
)

payment = landlord_table(
    "payment",
    Column("id", Uuid, nullable=False),
    Column("reference", Text, nullable=False, comment="what providers know it by"),
    Column("person_id", Uuid, nullable=False),
    Column("provider", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("return_url", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("request_sha256", Text, nullable=False),
    Column("start_key", Text, nullable=False, comment="made and committed before the provider is called"),
    Column("retry_of", Uuid),
    Column("state", Text, nullable=False, server_default="created"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("gross_cents", BigInteger, nullable=False, server_default="0"),
    Column("captured_cents", BigInteger, nullable=False, server_default="0"),
    Column("refunded_cents", BigInteger, nullable=False, server_default="0"),
    Column("lost_cents", BigInteger, nullable=False, server_default="0"),
    Column("contested_cents", BigInteger, nullable=False, server_default="0"),
    Column("provider_ref", Text, nullable=False, server_default=""),
    Column(
        "snapshot", JSONB, nullable=False, comment="what was paid, as it stood: debts, shares, strategy and version"
    ),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("started_at", DateTime(timezone=True), comment="when the provider was first called"),
    Column("paid_at", DateTime(timezone=True)),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("checks", Integer, nullable=False, server_default="0"),
    refers(["person_id"], "person"),
    unique("reference"),
    unique("person_id", "idempotency_key"),
    Index(None, "landlord_id", "state", "created_at"),
    Index(None, "landlord_id", "created_at", "id"),
    key=("id",),
    person=_PART_OF_MINE,
    insert=f"{_MY_PERSON} and state = 'created' and {_NOTHING_HEARD}",
    comment="A payment a tenant began; its state is worked out from its events.",
)

payment_part = landlord_table(
    "payment_part",
    Column("payment_id", Uuid, nullable=False),
    Column("account_id", Uuid, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("is_open", Boolean, nullable=False, server_default="true"),
    refers(["payment_id"], "payment"),
    refers(["account_id"], "account"),
    Index("payment_part_open_key", "landlord_id", "account_id", unique=True, postgresql_where=text("is_open")),
    Index(None, "landlord_id", "account_id", "payment_id"),
    key=("payment_id", "account_id"),
    person=f"account_id = {MY_ACCOUNTS}",
    insert=f"account_id = {MY_ACCOUNTS}",
    comment="How much of a payment is for which account; one open payment an account.",
)

payment_action = landlord_table(
    "payment_action",
    Column("payment_id", Uuid, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("action", JSONB, nullable=False),
    refers(["payment_id"], "payment"),
    key=("payment_id",),
    person=_MY_PERSON,
    comment="What the person who began a payment has to do: where to go, or what to show. Seen by nobody else.",
)

payment_event = landlord_table(
    "payment_event",
    Column("id", BigInteger, Identity(), nullable=False),
    Column("payment_id", Uuid, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("amount_cents", BigInteger),
    Column("currency", Text, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("reason", Text, nullable=False),
    Column(
        "channel", Text, nullable=False, comment="start | webhook | return | poll | refund | cancel | operator | hub"
    ),
    Column("heard_at", DateTime(timezone=True), nullable=False),
    Column("told_by", Text, nullable=False, server_default="", comment="the operator, where it was one"),
    refers(["payment_id"], "payment"),
    unique("payment_id", "event_id"),
    key=("id",),
    append_only=True,
    comment="Every fact heard of a payment, once; never changed, never removed.",
)

payment_refund = landlord_table(
    "payment_refund",
    Column("id", Uuid, nullable=False),
    Column("payment_id", Uuid, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("key", Text, nullable=False, comment="made and committed before the provider is called"),
    Column("state", Text, nullable=False, comment="waits_for_second | asked | unknown | done | refused | rejected"),
    Column("why", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("decided_by", Text, nullable=False, server_default=""),
    Column("decided_at", DateTime(timezone=True)),
    Column("last_error", Text, nullable=False, server_default=""),
    refers(["payment_id"], "payment"),
    Index(None, "landlord_id", "payment_id"),
    key=("id",),
    comment="Refunds operators asked for; above the landlord's limit a second person decides.",
)

payment_webhook = landlord_table(
    "payment_webhook",
    Column("id", BigInteger, Identity(), nullable=False),
    Column("provider", Text, nullable=False),
    Column("channel", Text, nullable=False, comment="webhook | return"),
    Column("sha256", Text, nullable=False),
    Column("sealed", LargeBinary, comment="the request as it came, until it was judged"),
    Column("key_id", Integer, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False, server_default="new", comment="new | applied | noted | refused | parked"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("payment_id", Uuid),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("judged_at", DateTime(timezone=True)),
    Index(
        "payment_webhook_new_key",
        "landlord_id",
        "provider",
        "channel",
        "sha256",
        unique=True,
        postgresql_where=text("state in ('new', 'parked')"),
    ),
    Index(None, "landlord_id", "state"),
    key=("id",),
    insert="state = 'new'",
    comment="The inbox of providers' webhooks and browsers coming back: proves nothing until a worker judged it.",
)

payment_act = landlord_table(
    "payment_act",
    Column("id", BigInteger, Identity(), nullable=False),
    Column("payment_id", Uuid, nullable=False),
    Column(
        "what",
        Text,
        nullable=False,
        comment="accepted | said_paid | said_not_paid | asked | reposted | said_absent | said_there | tied …",
    ),
    Column("subject", Text, nullable=False, server_default="", comment="the posting or remittance it was about"),
    Column("why", Text, nullable=False, server_default=""),
    Column("done_by", Text, nullable=False),
    Column("done_at", DateTime(timezone=True), nullable=False),
    refers(["payment_id"], "payment"),
    Index(None, "landlord_id", "payment_id"),
    key=("id",),
    append_only=True,
    comment="What operators decided about a payment by hand, and why; refunds keep their own.",
)

erp_posting = landlord_table(
    "erp_posting",
    Column("id", BigInteger, Identity(), nullable=False),
    Column("payment_id", Uuid, nullable=False),
    Column("account_id", Uuid, nullable=False),
    Column("reference", Text, nullable=False, comment="what the ERP's entry is recognised by"),
    Column("kind", Text, nullable=False, comment="payment | reversal"),
    Column("amount_cents", BigInteger, nullable=False),
    Column(
        "gap_cents",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="the ERP's own balance less the summed one when it was made: kept while it is in flight",
    ),
    Column("reason", Text, nullable=False, server_default=""),
    Column("reverses", BigInteger),
    Column("paid_on", Date, nullable=False),
    Column("method", Text, nullable=False, comment="kind of ledger entry"),
    Column("connector", Text, nullable=False),
    Column(
        "state",
        Text,
        nullable=False,
        comment="waiting | pending | sent | unknown | posted | reflected | refused | void",
    ),
    Column("batch", BigInteger, comment="number of the batch it went out with"),
    Column("erp_ref", Text, nullable=False, server_default=""),
    Column("entry_id", Uuid, comment="the ledger entry that shows it"),
    Column("candidates", Integer, nullable=False, server_default="0", comment="entries that might be it, when several"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("code", Text, nullable=False, server_default=""),
    Column("message", Text, nullable=False, server_default=""),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("posted_at", DateTime(timezone=True)),
    Column("reflected_at", DateTime(timezone=True)),
    Column("told_at", DateTime(timezone=True), comment="when people were told that it is not reflected"),
    refers(["payment_id"], "payment"),
    refers(["account_id"], "account"),
    unique("reference"),
    Index(None, "landlord_id", "payment_id"),
    Index(
        "erp_posting_flight_idx",
        "landlord_id",
        "account_id",
        postgresql_where=text("state not in ('reflected', 'void')"),
    ),
    Index(
        "erp_posting_entry_key", "landlord_id", "entry_id", unique=True, postgresql_where=text("entry_id is not null")
    ),
    key=("id",),
    person=f"account_id = {MY_ACCOUNTS}",
    comment="What the ERP is told of payments, apart from what providers say; in flight until an entry shows it.",
)

posting_batch = landlord_table(
    "posting_batch",
    Column("connector", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("day", Date, nullable=False),
    Column("state", Text, nullable=False, comment="open | told"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    key=("connector", "number"),
    comment="Numbered batches of postings: without a gap, the same postings at every attempt.",
)

settlement = landlord_table(
    "settlement",
    Column("id", Uuid, nullable=False),
    Column("provider", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("paid_on", Date, nullable=False),
    Column("net_cents", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("difference_cents", BigInteger, nullable=False, comment="net less what its lines add up to: 0 where sound"),
    Column("read_at", DateTime(timezone=True), nullable=False),
    unique("provider", "ref"),
    key=("id",),
    comment="A provider's remittance (remise): one credit on the landlord's bank account.",
)

settlement_line = landlord_table(
    "settlement_line",
    Column("settlement_id", Uuid, nullable=False),
    Column("line", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("gross_cents", BigInteger, nullable=False),
    Column("fee_cents", BigInteger, nullable=False),
    Column("reference", Text, nullable=False),
    Column("transaction", Text, nullable=False),
    Column("occurred_on", Date),
    Column("payment_id", Uuid),
    Column("account_id", Uuid, comment="whose account an operator says it belongs to, where it is no payment of ours"),
    Column("state", Text, nullable=False, comment="matched | suspense | assigned | fee"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("assigned_by", Text, nullable=False, server_default=""),
    Column("assigned_at", DateTime(timezone=True)),
    Column("note", Text, nullable=False, server_default=""),
    refers(["settlement_id"], "settlement"),
    Index(None, "landlord_id", "payment_id"),
    Index(None, "landlord_id", "state"),
    key=("settlement_id", "line"),
    comment="What a remittance is made of: each line beside our payment, or in suspense until a person assigns it.",
)

domain_event = landlord_table(
    "domain_event",
    Column("id", BigInteger, Identity(), nullable=False),
    Column("kind", Text, nullable=False, comment="payment.settled, payment.refused, posting.posted …"),
    Column("subject", Text, nullable=False, comment="what it is about: type and id"),
    Column("data", JSONB, nullable=False, comment="ids, cents and codes; no personal data"),
    Column("happened_at", DateTime(timezone=True), nullable=False),
    Index(None, "landlord_id", "subject"),
    key=("id",),
    append_only=True,
    comment="The outbox: what happened, written with the change, for whoever sends mails, receipts and webhooks.",
)
