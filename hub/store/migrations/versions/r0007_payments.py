"""Payments: what tenants began, what was heard of it, what the ERP was told, and remittances."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


_LANDLORD = "landlord_id = (select nullif(current_setting('app.landlord', true), ''))"
_MY_PERSON = "person_id = (select nullif(current_setting('app.person', true), '')::uuid)"
_MY_ACCOUNTS = "any (array(select ac.account_id from account_contract ac))"

_TABLES = (
    "domain_event",
    "erp_posting",
    "payment",
    "payment_act",
    "payment_action",
    "payment_event",
    "payment_means",
    "payment_part",
    "payment_policy",
    "payment_refund",
    "payment_webhook",
    "posting_batch",
    "settlement",
    "settlement_line",
)
_APPEND_ONLY = ("domain_event", "payment_act", "payment_event")
_SESSION = {
    "payment_means": None,
    "payment_policy": None,
    "payment": (
        "exists (select from payment_part t where t.landlord_id = payment.landlord_id and t.payment_id = payment.id"
        f" and t.account_id = {_MY_ACCOUNTS})"
    ),
    "payment_part": f"account_id = {_MY_ACCOUNTS}",
    "payment_action": _MY_PERSON,
    "erp_posting": f"account_id = {_MY_ACCOUNTS}",
}
_ASK = {
    "job": "queue = 'payments' and state = 'ready' and kind in ('pay.start', 'pay.check', 'pay.cancel', 'pay.webhook')",
    "payment": (
        f"{_MY_PERSON} and state = 'created' and gross_cents = 0 and captured_cents = 0 and refunded_cents = 0"
        " and lost_cents = 0 and contested_cents = 0 and checks = 0 and reason = '' and provider_ref = ''"
        " and started_at is null and paid_at is null"
    ),
    "payment_part": f"account_id = {_MY_ACCOUNTS}",
    "payment_webhook": "state = 'new'",
}

# Runs as its owner, whom the landlord policy binds too: where the browser goes on after the payment page, and no more.
_RETURN = """
create function payment_return(named text) returns table (payment_id uuid, return_url text)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select p.id, p.return_url from public.payment p where p.reference = named;
end
"""


def upgrade() -> None:
    op.create_table(
        "domain_event",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="payment.settled, payment.refused, posting.posted …"),
        sa.Column("subject", sa.Text(), nullable=False, comment="what it is about: type and id"),
        sa.Column(
            "data",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="ids, cents and codes; no personal data",
        ),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("domain_event_pk")),
        comment="The outbox: what happened, written with the change, for whoever sends mails, receipts and webhooks.",
    )
    op.create_index(
        op.f("domain_event_landlord_id_subject_idx"), "domain_event", ["landlord_id", "subject"], unique=False
    )
    op.create_table(
        "payment_means",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("label", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="by language"),
        sa.Column(
            "note",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="by language: what it costs, how long it takes",
        ),
        sa.Column("fee_cents", sa.BigInteger(), nullable=False),
        sa.Column(
            "accounts",
            postgresql.ARRAY(sa.Text()),
            nullable=False,
            comment="kinds of accounts its merchant contract takes",
        ),
        sa.Column("least_cents", sa.BigInteger(), nullable=False),
        sa.Column("most_cents", sa.BigInteger(), nullable=False),
        sa.Column("lifetime_seconds", sa.Integer(), nullable=False),
        sa.Column("can_cancel", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("webhook", sa.Text(), nullable=False, comment="signed | ping | none"),
        sa.Column("answer_status", sa.Integer(), nullable=False, comment="what its webhooks are answered at once"),
        sa.Column("answer_type", sa.Text(), nullable=False),
        sa.Column("answer_body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("landlord_id", "provider", name=op.f("payment_means_pk")),
        comment="Means of payment (moyens de paiement) as applied: all that a request needs to know, no secret.",
    )
    op.create_table(
        "payment_policy",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("minimum_cents", sa.BigInteger(), nullable=False),
        sa.Column(
            "advance_cents", sa.BigInteger(), nullable=False, comment="how much more than what is owed may be paid"
        ),
        sa.Column("allocation", sa.Text(), nullable=False),
        sa.Column(
            "return_urls",
            postgresql.ARRAY(sa.Text()),
            nullable=False,
            comment="where a front end may have the browser sent back to",
        ),
        sa.PrimaryKeyConstraint("landlord_id", name=op.f("payment_policy_pk")),
        comment="What a landlord lets its tenants pay.",
    )
    op.create_table(
        "payment_webhook",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False, comment="webhook | return"),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True, comment="the request as it came, until it was judged"),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state", sa.Text(), server_default="new", nullable=False, comment="new | applied | noted | refused | parked"
        ),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("payment_webhook_pk")),
        comment="The inbox of providers' webhooks and browsers coming back: proves nothing until a worker judged it.",
    )
    op.create_index(
        op.f("payment_webhook_landlord_id_state_idx"), "payment_webhook", ["landlord_id", "state"], unique=False
    )
    op.create_index(
        "payment_webhook_new_key",
        "payment_webhook",
        ["landlord_id", "provider", "channel", "sha256"],
        unique=True,
        postgresql_where=sa.text("state in ('new', 'parked')"),
    )
    op.create_table(
        "posting_batch",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="open | told"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("landlord_id", "connector", "number", name=op.f("posting_batch_pk")),
        comment="Numbered batches of postings: without a gap, the same postings at every attempt.",
    )
    op.create_table(
        "settlement",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("net_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column(
            "difference_cents",
            sa.BigInteger(),
            nullable=False,
            comment="net less what its lines add up to: 0 where sound",
        ),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("settlement_pk")),
        sa.UniqueConstraint("landlord_id", "provider", "ref", name=op.f("settlement_landlord_id_provider_ref_key")),
        comment="A provider's remittance (remise): one credit on the landlord's bank account.",
    )
    op.create_table(
        "payment",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False, comment="what providers know it by"),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("return_url", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("request_sha256", sa.Text(), nullable=False),
        sa.Column("start_key", sa.Text(), nullable=False, comment="made and committed before the provider is called"),
        sa.Column("retry_of", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), server_default="created", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("gross_cents", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("captured_cents", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refunded_cents", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lost_cents", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("contested_cents", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("provider_ref", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "snapshot",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="what was paid, as it stood: debts, shares, strategy and version",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), nullable=True, comment="when the provider was first called"
        ),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checks", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["landlord_id", "person_id"],
            ["person.landlord_id", "person.id"],
            name=op.f("payment_landlord_id_person_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("payment_pk")),
        sa.UniqueConstraint(
            "landlord_id",
            "person_id",
            "idempotency_key",
            name=op.f("payment_landlord_id_person_id_idempotency_key_key"),
        ),
        sa.UniqueConstraint("landlord_id", "reference", name=op.f("payment_landlord_id_reference_key")),
        comment="A payment a tenant began; its state is worked out from its events.",
    )
    op.create_index(
        op.f("payment_landlord_id_created_at_id_idx"), "payment", ["landlord_id", "created_at", "id"], unique=False
    )
    op.create_index(
        op.f("payment_landlord_id_state_created_at_idx"),
        "payment",
        ["landlord_id", "state", "created_at"],
        unique=False,
    )
    op.create_table(
        "settlement_line",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("settlement_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("gross_cents", sa.BigInteger(), nullable=False),
        sa.Column("fee_cents", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("transaction", sa.Text(), nullable=False),
        sa.Column("occurred_on", sa.Date(), nullable=True),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column(
            "account_id",
            sa.Uuid(),
            nullable=True,
            comment="whose account an operator says it belongs to, where it is no payment of ours",
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="matched | suspense | assigned | fee"),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("assigned_by", sa.Text(), server_default="", nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["landlord_id", "settlement_id"],
            ["settlement.landlord_id", "settlement.id"],
            name=op.f("settlement_line_landlord_id_settlement_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "settlement_id", "line", name=op.f("settlement_line_pk")),
        comment="What a remittance is made of: each line beside our payment, or in suspense until a person assigns it.",
    )
    op.create_index(
        op.f("settlement_line_landlord_id_payment_id_idx"),
        "settlement_line",
        ["landlord_id", "payment_id"],
        unique=False,
    )
    op.create_index(
        op.f("settlement_line_landlord_id_state_idx"), "settlement_line", ["landlord_id", "state"], unique=False
    )
    op.create_table(
        "erp_posting",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False, comment="what the ERP's entry is recognised by"),
        sa.Column("kind", sa.Text(), nullable=False, comment="payment | reversal"),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column(
            "gap_cents",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="the ERP's own balance less the summed one when it was made: kept while it is in flight",
        ),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("reverses", sa.BigInteger(), nullable=True),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False, comment="kind of ledger entry"),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="waiting | pending | sent | unknown | posted | reflected | refused | void",
        ),
        sa.Column("batch", sa.BigInteger(), nullable=True, comment="number of the batch it went out with"),
        sa.Column("erp_ref", sa.Text(), server_default="", nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=True, comment="the ledger entry that shows it"),
        sa.Column(
            "candidates",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="entries that might be it, when several",
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("code", sa.Text(), server_default="", nullable=False),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reflected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "told_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when people were told that it is not reflected",
        ),
        sa.ForeignKeyConstraint(
            ["landlord_id", "account_id"],
            ["account.landlord_id", "account.id"],
            name=op.f("erp_posting_landlord_id_account_id_fk"),
        ),
        sa.ForeignKeyConstraint(
            ["landlord_id", "payment_id"],
            ["payment.landlord_id", "payment.id"],
            name=op.f("erp_posting_landlord_id_payment_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("erp_posting_pk")),
        sa.UniqueConstraint("landlord_id", "reference", name=op.f("erp_posting_landlord_id_reference_key")),
        comment="What the ERP is told of payments, apart from what providers say; in flight until an entry shows it.",
    )
    op.create_index(
        "erp_posting_entry_key",
        "erp_posting",
        ["landlord_id", "entry_id"],
        unique=True,
        postgresql_where=sa.text("entry_id is not null"),
    )
    op.create_index(
        "erp_posting_flight_idx",
        "erp_posting",
        ["landlord_id", "account_id"],
        unique=False,
        postgresql_where=sa.text("state not in ('reflected', 'void')"),
    )
    op.create_index(
        op.f("erp_posting_landlord_id_payment_id_idx"), "erp_posting", ["landlord_id", "payment_id"], unique=False
    )
    op.create_table(
        "payment_action",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("action", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["landlord_id", "payment_id"],
            ["payment.landlord_id", "payment.id"],
            name=op.f("payment_action_landlord_id_payment_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "payment_id", name=op.f("payment_action_pk")),
        comment="What the person who began a payment has to do: where to go, or what to show. Seen by nobody else.",
    )
    op.create_table(
        "payment_event",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "channel",
            sa.Text(),
            nullable=False,
            comment="start | webhook | return | poll | refund | cancel | operator | hub",
        ),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_by", sa.Text(), server_default="", nullable=False, comment="the operator, where it was one"),
        sa.ForeignKeyConstraint(
            ["landlord_id", "payment_id"],
            ["payment.landlord_id", "payment.id"],
            name=op.f("payment_event_landlord_id_payment_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("payment_event_pk")),
        sa.UniqueConstraint(
            "landlord_id", "payment_id", "event_id", name=op.f("payment_event_landlord_id_payment_id_event_id_key")
        ),
        comment="Every fact heard of a payment, once; never changed, never removed.",
    )
    op.create_table(
        "payment_part",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("is_open", sa.Boolean(), server_default="true", nullable=False),
        sa.ForeignKeyConstraint(
            ["landlord_id", "account_id"],
            ["account.landlord_id", "account.id"],
            name=op.f("payment_part_landlord_id_account_id_fk"),
        ),
        sa.ForeignKeyConstraint(
            ["landlord_id", "payment_id"],
            ["payment.landlord_id", "payment.id"],
            name=op.f("payment_part_landlord_id_payment_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "payment_id", "account_id", name=op.f("payment_part_pk")),
        comment="How much of a payment is for which account; one open payment an account.",
    )
    op.create_index(
        op.f("payment_part_landlord_id_account_id_payment_id_idx"),
        "payment_part",
        ["landlord_id", "account_id", "payment_id"],
        unique=False,
    )
    op.create_index(
        "payment_part_open_key",
        "payment_part",
        ["landlord_id", "account_id"],
        unique=True,
        postgresql_where=sa.text("is_open"),
    )
    op.create_table(
        "payment_act",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column(
            "what",
            sa.Text(),
            nullable=False,
            comment="accepted | said_paid | said_not_paid | asked | reposted | said_absent | said_there | tied …",
        ),
        sa.Column(
            "subject", sa.Text(), server_default="", nullable=False, comment="the posting or remittance it was about"
        ),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("done_by", sa.Text(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["landlord_id", "payment_id"],
            ["payment.landlord_id", "payment.id"],
            name=op.f("payment_act_landlord_id_payment_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("payment_act_pk")),
        comment="What operators decided about a payment by hand, and why; refunds keep their own.",
    )
    op.create_index(
        op.f("payment_act_landlord_id_payment_id_idx"), "payment_act", ["landlord_id", "payment_id"], unique=False
    )
    op.create_table(
        "payment_refund",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="made and committed before the provider is called"),
        sa.Column(
            "state", sa.Text(), nullable=False, comment="waits_for_second | asked | unknown | done | refused | rejected"
        ),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(), server_default="", nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["landlord_id", "payment_id"],
            ["payment.landlord_id", "payment.id"],
            name=op.f("payment_refund_landlord_id_payment_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("payment_refund_pk")),
        comment="Refunds operators asked for; above the landlord's limit a second person decides.",
    )
    op.create_index(
        op.f("payment_refund_landlord_id_payment_id_idx"), "payment_refund", ["landlord_id", "payment_id"], unique=False
    )
    op.alter_column(
        "alert", "problem", comment="held | failed | late | payments", existing_comment="held | failed | late"
    )
    op.add_column("ledger_entry", sa.Column("payment_ref", sa.Text(), nullable=True))
    for table in _TABLES:
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"alter table {table} force row level security")
        op.execute(
            f"create policy landlord on {table} to hub_owner, hub_sync using ({_LANDLORD}) with check ({_LANDLORD})"
        )
        rights = "select, insert" if table in _APPEND_ONLY else "select, insert, update, delete"
        op.execute(f"grant {rights} on {table} to hub_sync")
    for table, condition in _SESSION.items():
        seen = f"{_LANDLORD} and ({condition})" if condition else _LANDLORD
        op.execute(f"create policy session on {table} for select to hub_api using ({seen})")
        op.execute(f"grant select on {table} to hub_api")
    for table, condition in _ASK.items():
        op.execute(f"create policy ask on {table} for insert to hub_api with check ({_LANDLORD} and ({condition}))")
        op.execute(f"grant insert on {table} to hub_api")
    op.execute(_RETURN)
    op.execute("revoke all on function payment_return from public")
    op.execute("grant execute on function payment_return to hub_api")
