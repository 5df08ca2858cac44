"""The account printed in the tenant guide: seven lines of 2018, as a tenant sees them, newest first."""

from __future__ import annotations

from datetime import date

from hub.sandbox.contracts import AccountSpec
from hub.sandbox.model import Address, Component, Contract, ContractUnit, Entry, Party, Person, Unit
from hub.sandbox.profiles import CHARGE_LABELS, GUIDE_LOT, Profile

# (date, label, debit, credit) in the guide's order. Within a day its bottom line was written first.
GUIDE_LINES = (
    ("10/07/2018", "Chèque bancaire", "", "43.86"),
    ("26/06/2018", "APL 06/18", "", "191.95"),
    ("26/06/2018", "LOG 004473 06/18", "238.57", ""),
    ("26/06/2018", "LOG 004473 05/18", "", "27.74"),
    ("26/06/2018", "LOG 004473 04/18", "", "27.74"),
    ("26/06/2018", "LOG 004473 03/18", "", "27.74"),
    ("26/06/2018", "APL 02/18 05/18", "108.20", ""),
)
OPENED_ON = date(2018, 6, 1)
OPENING_CENTS = -2774
_STARTS_ON, _LEFT_ON = date(2011, 9, 1), date(2018, 7, 31)
_CODES = ("payment_cheque", "housing_aid", "rent", "rent", "rent", "rent", "housing_aid_recall")
_PERIODS = (
    None,
    (date(2018, 6, 1), date(2018, 6, 30)),
    (date(2018, 6, 1), date(2018, 6, 30)),
    (date(2018, 5, 1), date(2018, 5, 31)),
    (date(2018, 4, 1), date(2018, 4, 30)),
    (date(2018, 3, 1), date(2018, 3, 31)),
    (date(2018, 2, 1), date(2018, 5, 31)),
)


def guide_unit(profile: Profile, *, building: str, address: Address) -> Unit:
    return Unit(
        profile.unit.format(lot=GUIDE_LOT),
        building,
        "dwelling",
        GUIDE_LOT,
        "Logement T2",
        "T2",
        "2",
        "204",
        4480,
        "D",
        address,
    )


def guide_person(profile: Profile) -> Person:
    return Person(
        profile.person.format(n=0),
        "MME",
        "Renée",
        "Prud'hommeau",
        date(1951, 3, 9),
        "renee.prudhommeau.0@example.org",
        "01 99 00 44 73",
        "",
    )


def guide_contract(profile: Profile) -> Contract:
    contract, unit = profile.contract.format(n=0), profile.unit.format(lot=GUIDE_LOT)
    rent = Component(
        profile.component.format(contract=contract, i=1),
        unit,
        "rent",
        CHARGE_LABELS["rent"],
        23_857,
        _STARTS_ON,
        _LEFT_ON,
    )
    return Contract(
        n=0,
        id=contract,
        reference=profile.reference.format(n=0),
        customer="7000000",
        status="ended",
        starts_on=_STARTS_ON,
        ends_on=_LEFT_ON,
        notice_on=date(2018, 6, 29),
        move_out_on=_LEFT_ON,
        due_day=10,
        payment_method="cheque",
        deposit_cents=23_857,
        account=profile.account.format(n=0, suffix=""),
        aid_cents=0,
        habit="none",
        parties=(Party(profile.person.format(n=0), "holder", _STARTS_ON, _LEFT_ON, True),),
        units=(ContractUnit(unit, GUIDE_LOT, _STARTS_ON, _LEFT_ON, True),),
        components=(rent,),
    )


def guide_account(profile: Profile) -> AccountSpec:
    return AccountSpec(0, "rent", "", 0, (profile.contract.format(n=0),), OPENED_ON)


def guide_entries(profile: Profile) -> tuple[Entry, ...]:
    """The seven entries in ledger order: oldest first, the guide's bottom line with sequence 1."""
    entries: list[Entry] = []
    sequence, previous = 0, ""
    for i, place in enumerate(reversed(range(len(GUIDE_LINES))), start=1):
        day, label, debit, credit = GUIDE_LINES[place]
        sequence = sequence + 1 if day == previous else 1
        previous, period = day, _PERIODS[place]
        entries.append(
            Entry(
                id=profile.entry.format(n=0, digit=0, i=i),
                account=profile.account.format(n=0, suffix=""),
                unit=profile.unit.format(lot=GUIDE_LOT) if label.startswith("LOG") else "",
                posted_on=date(int(day[6:]), int(day[3:5]), int(day[:2])),
                sequence=sequence,
                due_on=None,
                period_from=period[0] if period else None,
                period_to=period[1] if period else None,
                code=profile.entries[_CODES[place]],
                label=label,
                cents=int(debit.replace(".", "") or 0) - int(credit.replace(".", "") or 0),
                document="",
                reversal_of="",
            )
        )
    return tuple(entries)
