"""Accounts, their ledgers, rent notices, documents and files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("opening_on", sa.Date(), nullable=True),
        sa.Column("opening_cents", sa.BigInteger(), nullable=True),
        sa.Column("balance_on", sa.Date(), nullable=True),
        sa.Column("balance_cents", sa.BigInteger(), nullable=True),
        sa.Column("erp_code", sa.Text(), nullable=True),
        sa.Column("erp_label", sa.Text(), nullable=True),
        sa.Column("changed_run", sa.BigInteger(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("account_pk")),
        comment="A tenant account (*compte locataire*). `balance_cents` is the ERP's own, at the end of `balance_on`.",
    )
    op.create_table(
        "blob",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("blob_pk")),
        sa.UniqueConstraint("landlord_id", "path", name=op.f("blob_landlord_id_path_key")),
        comment="`sha256` and `size` are of the plain content; raw input expires, documents do not.",
    )
    op.create_table(
        "account_contract",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("changed_run", sa.BigInteger(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["landlord_id", "account_id"],
            ["account.landlord_id", "account.id"],
            name=op.f("account_contract_landlord_id_account_id_fk"),
        ),
        sa.ForeignKeyConstraint(
            ["landlord_id", "contract_id"],
            ["contract.landlord_id", "contract.id"],
            name=op.f("account_contract_landlord_id_contract_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("account_contract_pk")),
        sa.UniqueConstraint(
            "landlord_id",
            "account_id",
            "contract_id",
            name=op.f("account_contract_landlord_id_account_id_contract_id_key"),
        ),
        comment="Links accounts and contracts, many to many: one account may cover a dwelling and its garage.",
    )
    op.create_index(
        op.f("account_contract_landlord_id_contract_id_idx"),
        "account_contract",
        ["landlord_id", "contract_id"],
        unique=False,
    )
    op.create_table(
        "rent_notice",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("contract_id", sa.Uuid(), nullable=True),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("period_from", sa.Date(), nullable=False),
        sa.Column("period_to", sa.Date(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("previous_balance_cents", sa.BigInteger(), nullable=True),
        sa.Column("total_cents", sa.BigInteger(), nullable=False),
        sa.Column("changed_run", sa.BigInteger(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["landlord_id", "account_id"],
            ["account.landlord_id", "account.id"],
            name=op.f("rent_notice_landlord_id_account_id_fk"),
        ),
        sa.ForeignKeyConstraint(
            ["landlord_id", "contract_id"],
            ["contract.landlord_id", "contract.id"],
            name=op.f("rent_notice_landlord_id_contract_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("rent_notice_pk")),
        comment="A rent notice (*avis d'échéance*). A notice is never a receipt (*quittance*), even when it says so.",
    )
    op.create_index(
        op.f("rent_notice_landlord_id_account_id_period_from_id_idx"),
        "rent_notice",
        ["landlord_id", "account_id", "period_from", "id"],
        unique=False,
    )
    op.create_index(
        op.f("rent_notice_landlord_id_contract_id_period_from_id_idx"),
        "rent_notice",
        ["landlord_id", "contract_id", "period_from", "id"],
        unique=False,
    )
    op.create_table(
        "document",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("contract_id", sa.Uuid(), nullable=True),
        sa.Column("notice_id", sa.Uuid(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("dated_on", sa.Date(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("erp_code", sa.Text(), nullable=True),
        sa.Column("changed_run", sa.BigInteger(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["landlord_id", "contract_id"],
            ["contract.landlord_id", "contract.id"],
            name=op.f("document_landlord_id_contract_id_fk"),
        ),
        sa.ForeignKeyConstraint(
            ["landlord_id", "notice_id"],
            ["rent_notice.landlord_id", "rent_notice.id"],
            name=op.f("document_landlord_id_notice_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("document_pk")),
        comment="A file about a contract or a rent notice; `file_name` names the file within what the connector fetched.",  # noqa: E501
    )
    op.create_index(
        op.f("document_landlord_id_contract_id_dated_on_id_idx"),
        "document",
        ["landlord_id", "contract_id", "dated_on", "id"],
        unique=False,
    )
    op.create_index(op.f("document_landlord_id_notice_id_idx"), "document", ["landlord_id", "notice_id"], unique=False)
    op.create_table(
        "ledger_entry",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("posted_on", sa.Date(), nullable=False),
        sa.Column("source_sequence", sa.BigInteger(), nullable=False),
        sa.Column("value_on", sa.Date(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("period_from", sa.Date(), nullable=True),
        sa.Column("period_to", sa.Date(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("document_ref", sa.Text(), nullable=True),
        sa.Column("reversal_of", sa.Text(), nullable=True),
        sa.Column("erp_code", sa.Text(), nullable=True),
        sa.Column("changed_run", sa.BigInteger(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["landlord_id", "account_id"],
            ["account.landlord_id", "account.id"],
            name=op.f("ledger_entry_landlord_id_account_id_fk"),
        ),
        sa.ForeignKeyConstraint(
            ["landlord_id", "unit_id"],
            ["unit.landlord_id", "unit.id"],
            name=op.f("ledger_entry_landlord_id_unit_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("ledger_entry_pk")),
        sa.UniqueConstraint(
            "landlord_id", "source", "external_id", name=op.f("ledger_entry_landlord_id_source_external_id_key")
        ),
        comment="A ledger line (*écriture*). Total order within an account: posted on, source sequence, id.",
    )
    op.create_index(
        op.f("ledger_entry_landlord_id_account_id_posted_on_source_sequence_id_idx"),
        "ledger_entry",
        ["landlord_id", "account_id", "posted_on", "source_sequence", "id"],
        unique=False,
    )
    op.create_table(
        "rent_notice_line",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("erp_code", sa.Text(), nullable=True),
        sa.Column("changed_run", sa.BigInteger(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["landlord_id", "notice_id"],
            ["rent_notice.landlord_id", "rent_notice.id"],
            name=op.f("rent_notice_line_landlord_id_notice_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("rent_notice_line_pk")),
        sa.UniqueConstraint(
            "landlord_id", "notice_id", "position", name=op.f("rent_notice_line_landlord_id_notice_id_position_key")
        ),
        comment="A line of a rent notice, in its printed order.",
    )
    op.create_table(
        "document_file",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("blob_id", sa.Uuid(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("changed_run", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["landlord_id", "blob_id"],
            ["blob.landlord_id", "blob.id"],
            name=op.f("document_file_landlord_id_blob_id_fk"),
        ),
        sa.ForeignKeyConstraint(
            ["landlord_id", "document_id"],
            ["document.landlord_id", "document.id"],
            name=op.f("document_file_landlord_id_document_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "document_id", name=op.f("document_file_pk")),
        comment="The content of a document.",
    )
    op.create_index(
        op.f("document_file_landlord_id_blob_id_idx"), "document_file", ["landlord_id", "blob_id"], unique=False
    )
