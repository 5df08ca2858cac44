"""The canonical records a connector delivers, and what is derived from them.

`Batch` and `Reject` are what every connector yields; `check_batch` is the hub's own gate behind every connector.
"""

from hub.records.batch import Batch, Reject
from hub.records.check import CheckedBatch, check_batch, to_table
from hub.records.excerpt import excerpt
from hub.records.fields import FieldSpec, arrow_schema, field_specs
from hub.records.streams import (
    RECORDS,
    AccountContractRecord,
    AccountRecord,
    CanonicalRecord,
    ContractRecord,
    ContractUnitRecord,
    DocumentRecord,
    LedgerEntryRecord,
    PartyRecord,
    PersonRecord,
    PriceComponentRecord,
    RentNoticeLineRecord,
    RentNoticeRecord,
    SiteRecord,
    Stream,
    UnitRecord,
)

__all__ = [
    "RECORDS",
    "AccountContractRecord",
    "AccountRecord",
    "Batch",
    "CanonicalRecord",
    "CheckedBatch",
    "ContractRecord",
    "ContractUnitRecord",
    "DocumentRecord",
    "FieldSpec",
    "LedgerEntryRecord",
    "PartyRecord",
    "PersonRecord",
    "PriceComponentRecord",
    "Reject",
    "RentNoticeLineRecord",
    "RentNoticeRecord",
    "SiteRecord",
    "Stream",
    "UnitRecord",
    "arrow_schema",
    "check_batch",
    "excerpt",
    "field_specs",
    "to_table",
]
