"""External keys, sites, units, persons and their tokens, contracts and what hangs on them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contract",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("customer_ref", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("notice_on", sa.Date(), nullable=True),
        sa.Column("move_out_on", sa.Date(), nullable=True),
        sa.Column("due_day", sa.BigInteger(), nullable=True),
        sa.Column("payment_method", sa.Text(), nullable=True),
        sa.Column("deposit_cents", sa.BigInteger(), nullable=True),
        sa.Column("erp_code", sa.Text(), nullable=True),
        sa.Column("erp_label", sa.Text(), nullable=True),
        sa.Column("changed_run", sa.BigInteger(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("contract_pk")),
        comment="A lease (*bail*). `customer_ref` is the number printed on notices; an ended term is not an ended tenancy.",  # noqa: E501
    )
    op.create_index(op.f("contract_landlord_id_reference_idx"), "contract", ["landlord_id", "reference"], unique=False)
    op.create_table(
        "external_key",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("landlord_id", "source", "object_type", "external_id", name=op.f("external_key_pk")),
        comment="Which object of ours an external id of a connector means; several ids may mean one object.",
    )
    op.create_index(
        op.f("external_key_landlord_id_object_type_object_id_idx"),
        "external_key",
        ["landlord_id", "object_type", "object_id"],
        unique=False,
    )
    op.create_table(
        "person",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("given_name", sa.Text(), nullable=True),
        sa.Column("family_name", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("mobile", sa.Text(), nullable=True),
        sa.Column("changed_run", sa.BigInteger(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("person_pk")),
        comment="A natural person or organisation known to the ERP.",
    )
    op.create_table(
        "site",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("line1", sa.Text(), nullable=True),
        sa.Column("line2", sa.Text(), nullable=True),
        sa.Column("postal_code", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("erp_code", sa.Text(), nullable=True),
        sa.Column("erp_label", sa.Text(), nullable=True),
        sa.Column("changed_run", sa.BigInteger(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["landlord_id", "parent_id"], ["site.landlord_id", "site.id"], name=op.f("site_landlord_id_parent_id_fk")
        ),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("site_pk")),
        comment="A site or building (*résidence, bâtiment*); a building names its site in `parent_ref`.",
    )
    op.create_table(
        "access_token",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["landlord_id", "person_id"],
            ["person.landlord_id", "person.id"],
            name=op.f("access_token_landlord_id_person_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "token_hash", name=op.f("access_token_pk")),
        comment="SHA-256 of bearer tokens (256 random bits) for one person each; read through `tenant_session` only.",
    )
    op.create_table(
        "party",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=True),
        sa.Column("to_on", sa.Date(), nullable=True),
        sa.Column("is_solidary", sa.Boolean(), nullable=False),
        sa.Column("erp_code", sa.Text(), nullable=True),
        sa.Column("changed_run", sa.BigInteger(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["landlord_id", "contract_id"],
            ["contract.landlord_id", "contract.id"],
            name=op.f("party_landlord_id_contract_id_fk"),
        ),
        sa.ForeignKeyConstraint(
            ["landlord_id", "person_id"],
            ["person.landlord_id", "person.id"],
            name=op.f("party_landlord_id_person_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("party_pk")),
        sa.UniqueConstraint(
            "landlord_id",
            "contract_id",
            "person_id",
            "role",
            name=op.f("party_landlord_id_contract_id_person_id_role_key"),
        ),
        comment="A person's role in a contract (*titulaire, cotitulaire, occupant, garant*).",
    )
    op.create_index(op.f("party_landlord_id_person_id_idx"), "party", ["landlord_id", "person_id"], unique=False)
    op.create_table(
        "unit",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("lot_number", sa.Text(), nullable=False),
        sa.Column("typology", sa.Text(), nullable=True),
        sa.Column("floor", sa.Text(), nullable=True),
        sa.Column("door", sa.Text(), nullable=True),
        sa.Column("area_dm2", sa.BigInteger(), nullable=True),
        sa.Column("energy_label", sa.Text(), nullable=True),
        sa.Column("line1", sa.Text(), nullable=True),
        sa.Column("line2", sa.Text(), nullable=True),
        sa.Column("postal_code", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("erp_code", sa.Text(), nullable=True),
        sa.Column("erp_label", sa.Text(), nullable=True),
        sa.Column("changed_run", sa.BigInteger(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["landlord_id", "site_id"], ["site.landlord_id", "site.id"], name=op.f("unit_landlord_id_site_id_fk")
        ),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("unit_pk")),
        comment="A rentable unit (*lot*): dwelling, garage, cellar. `area_dm2` is in square decimetres, so that it stays whole.",  # noqa: E501
    )
    op.create_index(op.f("unit_landlord_id_site_id_idx"), "unit", ["landlord_id", "site_id"], unique=False)
    op.create_table(
        "contract_unit",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=True),
        sa.Column("to_on", sa.Date(), nullable=True),
        sa.Column("is_main", sa.Boolean(), nullable=False),
        sa.Column("changed_run", sa.BigInteger(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["landlord_id", "contract_id"],
            ["contract.landlord_id", "contract.id"],
            name=op.f("contract_unit_landlord_id_contract_id_fk"),
        ),
        sa.ForeignKeyConstraint(
            ["landlord_id", "unit_id"],
            ["unit.landlord_id", "unit.id"],
            name=op.f("contract_unit_landlord_id_unit_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("contract_unit_pk")),
        sa.UniqueConstraint(
            "landlord_id", "contract_id", "unit_id", name=op.f("contract_unit_landlord_id_contract_id_unit_id_key")
        ),
        comment="Which units a contract covers, and when.",
    )
    op.create_index(
        op.f("contract_unit_landlord_id_unit_id_idx"), "contract_unit", ["landlord_id", "unit_id"], unique=False
    )
    op.create_table(
        "price_component",
        sa.Column("landlord_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("vat_cents", sa.BigInteger(), nullable=True),
        sa.Column("from_on", sa.Date(), nullable=True),
        sa.Column("to_on", sa.Date(), nullable=True),
        sa.Column("erp_code", sa.Text(), nullable=True),
        sa.Column("changed_run", sa.BigInteger(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["landlord_id", "contract_id"],
            ["contract.landlord_id", "contract.id"],
            name=op.f("price_component_landlord_id_contract_id_fk"),
        ),
        sa.ForeignKeyConstraint(
            ["landlord_id", "unit_id"],
            ["unit.landlord_id", "unit.id"],
            name=op.f("price_component_landlord_id_unit_id_fk"),
        ),
        sa.PrimaryKeyConstraint("landlord_id", "id", name=op.f("price_component_pk")),
        sa.UniqueConstraint(
            "landlord_id", "source", "external_id", name=op.f("price_component_landlord_id_source_external_id_key")
        ),
        comment="A recurring line of the rent roll (*rubrique de quittancement*); monthly amount, + raises the rent.",
    )
    op.create_index(
        op.f("price_component_landlord_id_contract_id_idx"),
        "price_component",
        ["landlord_id", "contract_id"],
        unique=False,
    )
