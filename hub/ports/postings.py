"""Telling the ERP about money: what is posted, what comes of it, and what a connector can do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

PostingKind = Literal["payment", "reversal"]


@dataclass(frozen=True, slots=True)
class Posting:
    """Money to be entered in a tenant account of the ERP.

    `reference`: ours (at most 20 characters of A–Z and 0–9), unique for ever: the entry is recognised by it.
    `amount_cents` > 0 always; `kind` says the direction. `account_ref`, `contract_ref`, `person_ref`: external ids of
    the connector's own. `site_ref`: that of the site (or building) of the contract's main unit, for ERPs that are told
    property by property. `reverses`: the reference of the payment a reversal takes back. `method`: `EntryKind`'s word
    (`payment_card`, …). `reason`: why a reversal (`refunded`, `charged_back`, `capture_lost`), else "".
    """

    reference: str
    kind: PostingKind
    account_ref: str
    account_number: str
    amount_cents: int
    paid_on: date
    method: str
    currency: str = "EUR"
    contract_ref: str = ""
    contract_reference: str = ""
    person_ref: str = ""
    site_ref: str = ""
    reverses: str = ""
    reverses_erp_ref: str = ""
    reason: str = ""


Outcome = Literal["posted", "sent", "refused", "absent"]
"""posted: the ERP has it. sent: a file was delivered, its answer is to come. refused: never, the same way (`terminal`)
or not now. absent: asked, the ERP does not know it."""


@dataclass(frozen=True, slots=True)
class PostingResult:
    """What became of one posting. `erp_ref`: the ERP's own id, if it gave one. `code`, `message`: the ERP's refusal, no
    personal data. `terminal`: it would be refused again however often it is sent. `batch`: in answers to batches, the
    number of the one that is answered: what was refused in one may be under way in the next, of which it says nothing.
    """

    reference: str
    outcome: Outcome
    erp_ref: str = ""
    code: str = ""
    message: str = ""
    terminal: bool = False
    batch: int | None = None


@dataclass(frozen=True, slots=True)
class Push:
    """How a connector posts. `batch`: several at once in one numbered batch (a file, a receipt batch), else one by one.
    `read_back`: `find_postings` says whether the ERP has a posting. `answers`: outcomes of a sent batch come later,
    from `answered_postings`. `reversals`: a payment can be taken back."""

    batch: bool = False
    read_back: bool = False
    answers: bool = False
    reversals: bool = True


@dataclass(frozen=True, slots=True)
class PostingBatch:
    """The postings that go out together; just one where the connector posts one by one. `number` counts up per landlord
    and connector; a batch told again, after a kill or a time-out, has the same number, day and postings."""

    number: int
    day: date
    postings: Sequence[Posting]
