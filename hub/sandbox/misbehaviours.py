"""The ways the sandbox's ERPs can misbehave: what each does on the wire, and what an operator should then see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.sandbox.model import Landlord

SOAP: Landlord = "rives-doise"
SFTP: Landlord = "cite-des-tilleuls"
YARDI: Landlord = "lakeside-homes"


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """`not_for`: why a landlord's ERP cannot do it. `needs_night`: it shows in a new night's data, so one passes.
    `is_of_door`: it is about calls and connections, not about what they bring; `is_of_till`: about payments that are
    posted to it."""

    wire: str
    seen: str
    not_for: Mapping[Landlord, str] | None = None
    needs_night: bool = False
    is_of_door: bool = False
    is_of_till: bool = False


_CALLS = "its ERP answers calls: there are no files"
_FILES_ONLY = {SOAP: _CALLS, YARDI: _CALLS}
_HTTP = "its ERP answers over HTTP: there is no host key"

MISBEHAVIOURS: Mapping[str, Misbehaviour] = {
    "hang": Misbehaviour(
        "requests are taken and never answered",
        "feeds failed with DEADLINE or UNREACHABLE, tried again",
        is_of_door=True,
    ),
    "drip": Misbehaviour(
        "answers come a few bytes a second", "feeds failed with DEADLINE, tried again", is_of_door=True
    ),
    "fault": Misbehaviour("every request fails", "feeds failed with RETRYABLE, tried again", is_of_door=True),
    "busy": Misbehaviour("`too busy`, or the connection is refused", "feeds failed, tried again", is_of_door=True),
    "truncate-contracts": Misbehaviour(
        "the contracts end in the middle of a row (SFTP: the control file tells what there should be)",
        "feed contracts refused with INPUT_REFUSED (SOAP: failed, tried again), nothing changed",
    ),
    "truncate": Misbehaviour(
        "the newest file whose name begins with FILE (SOAP: the reply of operation FILE) ends in the middle of a row",
        "that feed refused with INPUT_REFUSED (SOAP: failed, tried again), nothing changed",
    ),
    "drop-contracts": Misbehaviour(
        "three contracts in ten are missing (SFTP: the control file agrees)", "feed contracts held"
    ),
    "wrong-landlord": Misbehaviour("the contracts of another landlord", "feed contracts held"),
    "rename-header": Misbehaviour(
        "the contracts' status has another name (ETAT → STATUT, Type → Status)",
        "feed contracts refused or failed, the column named",
    ),
    "move-column": Misbehaviour(
        "the contracts' status (Lakeside Homes: everybody's name) comes last", "nothing: columns are found by name"
    ),
    "new-code": Misbehaviour(
        "two entries of the night carry a code nobody announced (NVX)",
        "two lines quarantined with UNKNOWN_CODE, the others applied",
        needs_night=True,
    ),
    "stale": Misbehaviour(
        "yesterday's export again, under today's name", "SFTP: held as stale; SOAP: nothing, a reply has no date"
    ),
    "resend": Misbehaviour(
        "the newest ledger file again, under another name", "nothing: it is known by its content", _FILES_ONLY
    ),
    "orphan-entry": Misbehaviour(
        "a new account's first entry comes before the account",
        "one line parked until its account comes, then applied by itself",
        {YARDI: "its accounts are its residents: an entry comes with the resident it is of"},
        needs_night=True,
    ),
    "host-key": Misbehaviour(
        "the server shows another host key",
        "feeds failed with MISCONFIGURED before the hub logs in",
        {SOAP: _HTTP, YARDI: _HTTP},
        is_of_door=True,
    ),
    "skip-sequence": Misbehaviour(
        "the night's ledger comes in three files, the second of which is missing",
        "feed ledger refused with SEQUENCE_GAP, the missing number named, until it is sent after all",
        _FILES_ONLY,
        needs_night=True,
    ),
    "start-late": Misbehaviour(
        "a month passes, of which the ledger tells the last day only; balances know better",
        "accounts differ from the ERP's own balance, until the entries are sent after all",
        needs_night=True,
    ),
    "post-closed": Misbehaviour(
        "a payment is refused: the accounting period is closed", "the posting refused for good", is_of_till=True
    ),
    "post-locked": Misbehaviour(
        "a payment is refused: somebody has the account open", "the posting refused, tried again", is_of_till=True
    ),
    "post-hang": Misbehaviour(
        "a payment is booked, and nobody is told: the call hangs",
        "the posting unknown, then found by its reference, once",
        is_of_till=True,
    ),
    "post-drop": Misbehaviour(
        "a payment is booked, and nobody is told: the connection breaks off",
        "the posting unknown, then found by its reference, once",
        is_of_till=True,
    ),
    "post-lost-answer": Misbehaviour(
        "a payment file is taken, and no answer to it is written",
        "the postings stay sent, until the ledger shows them",
        {SOAP: "its ERP answers at once", YARDI: "its ERP answers at once"},
        is_of_till=True,
    ),
    "post-no-reference": Misbehaviour(
        "a payment is booked, and the ledger does not tell its reference",
        "the entry recognised by account, amount and date, where that is but one",
        is_of_till=True,
    ),
    "post-late": Misbehaviour(
        "a payment is booked FILE nights later (two unless told)",
        "the money stays in flight until then",
        is_of_till=True,
    ),
    "post-twice": Misbehaviour(
        "a payment sent again is booked again", "nothing, as long as nothing is sent again unasked", is_of_till=True
    ),
}
