"""Rives d'Oise Habitat's rows as XML texts, element by element: what the ERP writes, not what anybody reads."""

from __future__ import annotations

from datetime import date
from xml.sax.saxutils import escape, quoteattr

from hub.sandbox.model import (
    Account,
    Address,
    Component,
    Contract,
    ContractUnit,
    Entry,
    Notice,
    NoticeLine,
    Party,
    Person,
    Site,
    Unit,
)
from hub.sandbox.profiles import RIVES_DOISE as PROFILE

NO_DATE = "0001-01-01"
PADDING = "\n          "
_STATUS_LABELS = {"upcoming": "A venir", "current": "En cours", "under_notice": "En préavis", "ended": "Sorti"}


def leaf(name: str, value: str) -> str:
    return f"<{name}>{escape(value)}</{name}>"


def optional(name: str, value: str) -> str:
    """Nothing at all where nothing is known."""
    return leaf(name, value) if value else ""


def amount(cents: int) -> str:
    """12345 → "123.45"."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{rest:02d}"


def _node(name: str, *inner: str) -> str:
    return f"<{name}>{''.join(inner)}</{name}>"


def _day(name: str, day: date | None) -> str:
    return f"<{name}>{day.isoformat() if day else NO_DATE}</{name}>"


def _flag(name: str, value: bool) -> str:
    return f"<{name}>{'true' if value else 'false'}</{name}>"


def _address(address: Address, *, line2: str = "") -> str:
    return _node(
        "Adresse",
        leaf("Ligne1", address.line1),
        optional("Ligne2", line2),
        leaf("CodePostal", address.postal_code),
        leaf("Ville", address.city),
    )


def site_row(site: Site) -> str:
    return _node(
        "Residence",
        leaf("Code", site.code),
        leaf("Nature", "BAT" if site.parent else "RES"),
        optional("CodeParent", site.parent),
        leaf("Libelle", site.name),
        _address(site.address, line2=site.address.line2),
        "\n",
    )


def unit_row(unit: Unit) -> str:
    return _node(
        "Lot",
        leaf("Identifiant", unit.id),
        leaf("Batiment", unit.building),
        leaf("Nature", PROFILE.units[unit.kind]),
        leaf("NumeroLot", unit.lot),
        leaf("Libelle", unit.label + PADDING),
        optional("Type", unit.typology),
        optional("Etage", unit.floor),
        optional("Porte", unit.door),
        optional("Surface", amount(unit.area_dm2) if unit.area_dm2 else ""),
        optional("ClasseEnergie", unit.energy_label),
        _address(unit.address),
        "\n",
    )


def person_row(person: Person) -> str:
    """In the vendor's directory namespace, prefix `tiers`."""
    values = (
        ("Civilite", person.title),
        ("Nom", person.family),
        ("Prenom", person.given),
        ("DateNaissance", person.birth_date.isoformat() if person.birth_date else NO_DATE),
        ("Courriel", person.email),
        ("Telephone", person.phone),
        ("Portable", person.mobile),
    )
    leaves = "".join(optional(f"tiers:{name}", value) for name, value in values)
    return f"<tiers:Personne Id={quoteattr(person.id)}>{leaves}</tiers:Personne>\n"


def contract_row(contract: Contract) -> str:
    return _node(
        "Contrat",
        leaf("Identifiant", contract.id),
        leaf("Reference", contract.reference),
        leaf("NumeroClient", contract.customer),
        leaf("Etat", PROFILE.statuses[contract.status]),
        leaf("LibelleEtat", _STATUS_LABELS[contract.status]),
        leaf("DateEffet", contract.starts_on.isoformat() + PADDING),
        _day("DateFin", contract.ends_on),
        _day("DateConge", contract.notice_on),
        _day("DateSortie", contract.move_out_on),
        leaf("JourEcheance", str(contract.due_day)),
        leaf("ModePaiement", PROFILE.methods[contract.payment_method]),
        leaf("DepotGarantie", amount(contract.deposit_cents)),
        _node("Parties", *map(_party, contract.parties)),
        _node("Lots", *map(_rented_unit, contract.units)),
        _node("Rubriques", *map(_component, contract.components)),
        "\n",
    )


def _party(party: Party) -> str:
    return _node(
        "Partie",
        leaf("Personne", party.person),
        leaf("Role", PROFILE.roles[party.role]),
        _day("DateDebut", party.from_on),
        _day("DateFin", party.to_on),
        _flag("Solidaire", party.solidary),
    )


def _rented_unit(unit: ContractUnit) -> str:
    days = _day("DateDebut", unit.from_on) + _day("DateFin", unit.to_on)
    return _node("Lot", leaf("Identifiant", unit.unit), days, _flag("Principal", unit.is_main))


def _component(component: Component) -> str:
    return _node(
        "Rubrique",
        leaf("Identifiant", component.id),
        optional("Lot", component.unit),
        leaf("Code", PROFILE.charges[component.kind]),
        leaf("Libelle", component.label),
        leaf("Montant", amount(component.cents)),
        _day("DateDebut", component.from_on),
        _day("DateFin", component.to_on),
    )


def account_row(account: Account) -> str:
    return _node(
        "Compte",
        leaf("Identifiant", account.id),
        leaf("Numero", account.number),
        leaf("Nature", PROFILE.accounts[account.kind]),
        _day("DateSoldeInitial", account.opening_on),
        leaf("SoldeInitial", amount(account.opening_cents)),
        _day("DateSolde", account.balance_on),
        leaf("MontantSolde", amount(account.balance_cents)),
        _node("Contrats", *(leaf("RefContrat", contract) for contract in account.contracts)),
        "\n",
    )


def entry_row(entry: Entry) -> str:
    """Every seventh row is padded, as rows written by another screen of the ERP would be."""
    padding = PADDING if int(entry.id[-5:]) % 7 == 3 else ""
    return _node(
        "Ecriture",
        leaf("Numero", entry.id),
        leaf("Compte", entry.account),
        optional("Lot", entry.unit),
        leaf("DateComptable", entry.posted_on.isoformat() + padding),
        leaf("Ordre", str(entry.sequence)),
        _day("DateValeur", entry.posted_on),
        _day("DateEcheance", entry.due_on),
        _day("PeriodeDu", entry.period_from),
        _day("PeriodeAu", entry.period_to),
        leaf("Code", entry.code),
        leaf("Libelle", entry.label),
        leaf("Montant", f"{padding}{amount(abs(entry.cents))}{padding}"),
        leaf("Sens", "D" if entry.cents >= 0 else "C"),
        optional("Piece", entry.document),
        optional("Extourne", entry.reversal_of),
        optional("ReferencePartenaire", entry.payment_ref),
        "\n",
    )


def notice_row(notice: Notice) -> str:
    return _node(
        "AvisEcheance",
        leaf("Numero", notice.number),
        leaf("Compte", notice.account),
        leaf("Contrat", notice.contract),
        _day("PeriodeDu", notice.period_from),
        _day("PeriodeAu", notice.period_to),
        _day("DateEmission", notice.issued_on),
        _day("DateEcheance", notice.due_on),
        leaf("SoldeAnterieur", amount(notice.previous_cents)),
        leaf("Total", amount(notice.total_cents)),
        _node("Lignes", *(_notice_line(rank, line) for rank, line in enumerate(notice.lines, start=1))),
        "\n",
    )


def _notice_line(rank: int, line: NoticeLine) -> str:
    said = leaf("Code", PROFILE.charges[line.kind]) + leaf("Libelle", line.label)
    return _node("Ligne", leaf("Rang", str(rank)), said, leaf("Montant", amount(line.cents)))
