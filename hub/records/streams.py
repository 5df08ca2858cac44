"""The canonical records a connector delivers: one class per stream, in the order a night applies them.

From each class come the pydantic model (the class itself), the Arrow schema and the columnar checks (`columns`), and in
the store the staging table and the upsert. A reference (`…_ref`) is an external id in the same connector.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, model_validator

from hub.domain.kinds import (
    AccountKind,
    ChargeKind,
    ContractStatus,
    DocumentKind,
    EntryKind,
    PartyRoleKind,
    SiteKind,
    UnitKind,
)
from hub.records.types import (
    AccountRef,
    CentsField,
    Code,
    ContractRef,
    Day,
    ExternalId,
    Flag,
    Label,
    NoticeRef,
    ObjectType,
    PersonalDay,
    PersonalText,
    PersonRef,
    SiteRef,
    UnitRef,
    Whole,
)


class Stream(StrEnum):
    """What can be pulled, in dependency order: a stream refers only to those above it (sites also to themselves)."""

    SITES = "sites"
    UNITS = "units"
    PERSONS = "persons"
    CONTRACTS = "contracts"
    CONTRACT_UNITS = "contract_units"
    PARTIES = "parties"
    PRICE_COMPONENTS = "price_components"
    ACCOUNTS = "accounts"
    ACCOUNT_CONTRACTS = "account_contracts"
    LEDGER_ENTRIES = "ledger_entries"
    RENT_NOTICES = "rent_notices"
    RENT_NOTICE_LINES = "rent_notice_lines"
    DOCUMENTS = "documents"


class CanonicalRecord(BaseModel):
    """Base of all records. `key` names the fields that identify a row within its connector.

    `anchor`: the object type other things hang on (it gets a hub id of its own that survives a change of ERP);
    None for rows that live and die with their parent. `ordered`: pairs of dates, the first never after the second.
    `coded`: the field whose raw ERP code is kept in `erp_code`. `concerns`: the field that leads to the tenant account
    whose figures are incomplete without the row; None for rows that are no figures. `dated`: the field that says which
    day a row belongs to, where input may be complete between two dates only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    stream: ClassVar[Stream]
    key: ClassVar[tuple[str, ...]] = ("external_id",)
    anchor: ClassVar[ObjectType | None] = None
    ordered: ClassVar[tuple[tuple[str, str], ...]] = ()
    coded: ClassVar[str | None] = None
    concerns: ClassVar[str | None] = None
    dated: ClassVar[str | None] = None

    @model_validator(mode="after")
    def _dates_in_order(self) -> Self:
        for first, second in self.ordered:
            start, end = getattr(self, first), getattr(self, second)
            if start is not None and end is not None and start > end:
                raise ValueError(f"{first} lies after {second}")
        return self


class SiteRecord(CanonicalRecord):
    """A site or building (*résidence, bâtiment*); a building names its site in `parent_ref`."""

    stream = Stream.SITES
    anchor = "site"
    coded = "kind"
    external_id: ExternalId
    kind: SiteKind = SiteKind.SITE
    name: Label
    parent_ref: SiteRef | None = None
    line1: Label | None = None
    line2: Label | None = None
    postal_code: Code | None = None
    city: Label | None = None
    country: Code | None = None
    erp_code: Code | None = None
    erp_label: Label | None = None


class UnitRecord(CanonicalRecord):
    """A rentable unit (*lot*): dwelling, garage, cellar. `area_dm2` is in square decimetres, so that it stays whole."""

    stream = Stream.UNITS
    anchor = "unit"
    coded = "kind"
    external_id: ExternalId
    site_ref: SiteRef
    kind: UnitKind
    lot_number: Code
    typology: Code | None = None
    floor: Code | None = None
    door: Code | None = None
    area_dm2: Whole | None = None
    energy_label: Code | None = None
    line1: Label | None = None
    line2: Label | None = None
    postal_code: Code | None = None
    city: Label | None = None
    erp_code: Code | None = None
    erp_label: Label | None = None


class PersonRecord(CanonicalRecord):
    """A natural person or organisation known to the ERP."""

    stream = Stream.PERSONS
    anchor = "person"
    external_id: ExternalId
    title: Code | None = None
    given_name: PersonalText | None = None
    family_name: PersonalText
    birth_date: PersonalDay | None = None
    email: PersonalText | None = None
    phone: PersonalText | None = None
    mobile: PersonalText | None = None


class ContractRecord(CanonicalRecord):
    """A lease (*bail*). `customer_ref` is the number printed on notices; an ended term is not an ended tenancy."""

    stream = Stream.CONTRACTS
    anchor = "contract"
    coded = "status"
    ordered = (("starts_on", "ends_on"), ("notice_on", "move_out_on"))
    external_id: ExternalId
    reference: Code
    customer_ref: Code | None = None
    status: ContractStatus
    starts_on: Day
    ends_on: Day | None = None
    notice_on: Day | None = None
    move_out_on: Day | None = None
    due_day: Whole | None = None
    payment_method: Code | None = None
    deposit_cents: CentsField | None = None
    erp_code: Code | None = None
    erp_label: Label | None = None


class ContractUnitRecord(CanonicalRecord):
    """Which units a contract covers, and when."""

    stream = Stream.CONTRACT_UNITS
    key = ("contract_ref", "unit_ref")
    ordered = (("from_on", "to_on"),)
    contract_ref: ContractRef
    unit_ref: UnitRef
    from_on: Day | None = None
    to_on: Day | None = None
    is_main: Flag = False


class PartyRecord(CanonicalRecord):
    """A person's role in a contract (*titulaire, cotitulaire, occupant, garant*)."""

    stream = Stream.PARTIES
    key = ("contract_ref", "person_ref", "role")
    coded = "role"
    ordered = (("from_on", "to_on"),)
    contract_ref: ContractRef
    person_ref: PersonRef
    role: PartyRoleKind
    from_on: Day | None = None
    to_on: Day | None = None
    is_solidary: Flag = False
    erp_code: Code | None = None


class PriceComponentRecord(CanonicalRecord):
    """A recurring line of the rent roll (*rubrique de quittancement*); monthly amount, + raises the rent."""

    stream = Stream.PRICE_COMPONENTS
    concerns = "contract_ref"
    coded = "kind"
    ordered = (("from_on", "to_on"),)
    external_id: ExternalId
    contract_ref: ContractRef
    unit_ref: UnitRef | None = None
    kind: ChargeKind
    label: Label
    amount_cents: CentsField
    vat_cents: CentsField | None = None
    from_on: Day | None = None
    to_on: Day | None = None
    erp_code: Code | None = None


class AccountRecord(CanonicalRecord):
    """A tenant account (*compte locataire*). `balance_cents` is the ERP's own, at the end of `balance_on`."""

    stream = Stream.ACCOUNTS
    anchor = "account"
    coded = "kind"
    external_id: ExternalId
    number: Code
    kind: AccountKind = AccountKind.RENT
    opening_on: Day | None = None
    opening_cents: CentsField | None = None
    balance_on: Day | None = None
    balance_cents: CentsField | None = None
    erp_code: Code | None = None
    erp_label: Label | None = None


class AccountContractRecord(CanonicalRecord):
    """Links accounts and contracts, many to many: one account may cover a dwelling and its garage."""

    stream = Stream.ACCOUNT_CONTRACTS
    key = ("account_ref", "contract_ref")
    account_ref: AccountRef
    contract_ref: ContractRef


class LedgerEntryRecord(CanonicalRecord):
    """A ledger line (*écriture*). Total order within an account: posted on, source sequence, id.

    + means the tenant owes: rent is positive, housing aid and payments negative. `source_sequence` is the ERP's order
    of lines posted on one day. `payment_ref` is the reference the hub posted a payment with, where the ERP gives it
    back: the entry is recognised by it.
    """

    stream = Stream.LEDGER_ENTRIES
    dated = "posted_on"
    concerns = "account_ref"
    coded = "kind"
    ordered = (("period_from", "period_to"),)
    external_id: ExternalId
    account_ref: AccountRef
    unit_ref: UnitRef | None = None
    posted_on: Day
    source_sequence: Whole = 0
    value_on: Day | None = None
    due_on: Day | None = None
    period_from: Day | None = None
    period_to: Day | None = None
    kind: EntryKind
    label: Label
    amount_cents: CentsField
    document_ref: Code | None = None
    reversal_of: ExternalId | None = None
    payment_ref: Code | None = None
    erp_code: Code | None = None


class RentNoticeRecord(CanonicalRecord):
    """A rent notice (*avis d'échéance*). A notice is never a receipt (*quittance*), even when it says so."""

    stream = Stream.RENT_NOTICES
    dated = "issued_on"
    concerns = "account_ref"
    anchor = "rent_notice"
    ordered = (("period_from", "period_to"),)
    external_id: ExternalId
    account_ref: AccountRef
    contract_ref: ContractRef | None = None
    number: Code
    period_from: Day
    period_to: Day
    issued_on: Day
    due_on: Day | None = None
    previous_balance_cents: CentsField | None = None
    total_cents: CentsField


class RentNoticeLineRecord(CanonicalRecord):
    """A line of a rent notice, in its printed order."""

    stream = Stream.RENT_NOTICE_LINES
    concerns = "notice_ref"
    key = ("notice_ref", "position")
    coded = "kind"
    notice_ref: NoticeRef
    position: Whole
    kind: ChargeKind
    label: Label
    amount_cents: CentsField
    erp_code: Code | None = None


class DocumentRecord(CanonicalRecord):
    """A file about a contract or a rent notice; `file_name` names the file within what the connector fetched."""

    stream = Stream.DOCUMENTS
    dated = "dated_on"
    anchor = "document"
    coded = "kind"
    external_id: ExternalId
    kind: DocumentKind
    contract_ref: ContractRef | None = None
    notice_ref: NoticeRef | None = None
    title: Label
    dated_on: Day
    file_name: Label
    erp_code: Code | None = None


RECORDS: dict[Stream, type[CanonicalRecord]] = {
    record.stream: record
    for record in (
        SiteRecord,
        UnitRecord,
        PersonRecord,
        ContractRecord,
        ContractUnitRecord,
        PartyRecord,
        PriceComponentRecord,
        AccountRecord,
        AccountContractRecord,
        LedgerEntryRecord,
        RentNoticeRecord,
        RentNoticeLineRecord,
        DocumentRecord,
    )
}
