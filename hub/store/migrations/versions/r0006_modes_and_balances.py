"""Numbers of a delta's inputs, and balances of record beside summed entries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_LANDLORD = "landlord_id = (select nullif(current_setting('app.landlord', true), ''))"


def upgrade() -> None:
    op.create_table(
        "balance_difference",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("balance_on", sa.Date(), nullable=False),
        sa.Column("of_record_cents", sa.BigInteger(), nullable=False),
        sa.Column("summed_cents", sa.BigInteger(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["landlord_id", "account_id"],
            ["account.landlord_id", "account.id"],
            name=op.f("balance_difference_landlord_id_account_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "account_id", name=op.f("balance_difference_pk")),
        comment="Accounts whose own balance in the ERP is not what their entries add up to, at the end of its own day.",
    )
    op.add_column(
        "feed_state",
        sa.Column(
            "sequence",
            sa.Text(),
            nullable=True,
            comment="period and number of the last input applied, of feeds that count them",
        ),
    )
    op.add_column(
        "landlord",
        sa.Column(
            "balance",
            sa.Text(),
            server_default="of_record",
            nullable=False,
            comment="of_record | summed: which of the two tenants see",
        ),
    )
    op.add_column(
        "landlord",
        sa.Column(
            "keep_jobs_days",
            sa.Integer(),
            server_default="30",
            nullable=False,
            comment="how long done jobs are kept",
        ),
    )
    op.execute("alter table balance_difference enable row level security")
    op.execute("alter table balance_difference force row level security")
    op.execute(
        "create policy landlord on balance_difference to hub_owner, hub_sync "
        f"using ({_LANDLORD}) with check ({_LANDLORD})"
    )
    op.execute("grant select, insert, update, delete on balance_difference to hub_sync")
