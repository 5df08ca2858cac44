"""What Rives d'Oise Habitat's ERP answers to each operation: rows one by one, nothing built in memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple, TypeVar

from hub.sandbox.model import Entry, World
from hub.sandbox.soap_rows import (
    account_row,
    contract_row,
    entry_row,
    leaf,
    notice_row,
    person_row,
    site_row,
    unit_row,
)

DIRECTORY_NAMESPACE = "http://my-company.com/namespace"
VERSION = "Locatif 3.7.2"
PAGE_SIZE, MAX_PAGE_SIZE, ENTRIES_PER_REPLY = 200, 1_000, 2_000
Arguments = Mapping[str, str]
RowT = TypeVar("RowT")


class BusinessError(Exception):
    """A refusal the ERP gives at HTTP 200, in the place of rows."""

    def __init__(self, severity: str, code: str, text: str) -> None:
        super().__init__(text)
        self.severity, self.code, self.text = severity, code, text

    def xml(self) -> str:
        said = leaf("Gravite", self.severity) + leaf("Code", self.code) + leaf("Texte", self.text)
        return f"<Messages><Message>{said}</Message></Messages>"


class Reply(NamedTuple):
    """`head`, then `rows` one by one, then `tail`."""

    head: str
    rows: Iterator[str]
    tail: str


def no_rows() -> BusinessError:
    return BusinessError("INFO", "L-014", "Aucun enregistrement pour les criteres demandes")


def busy() -> BusinessError:
    return BusinessError("ERREUR", "L-503", "Serveur occupe, reessayez")


def answer(world: World, operation: str, arguments: Arguments) -> Reply:
    """The reply to a known operation. Raises BusinessError where the ERP says so at HTTP 200, KeyError if unknown."""
    return OPERATIONS[operation](world, arguments)


def _version(world: World, arguments: Arguments) -> Reply:
    return Reply(leaf("Version", VERSION) + leaf("Date", world.today.isoformat()), iter(()), "")


def _sites(world: World, arguments: Arguments) -> Reply:
    return Reply("<Residences>\n", map(site_row, world.sites), "</Residences>")


def _units(world: World, arguments: Arguments) -> Reply:
    code = arguments.get("CodeResidence", "")
    site = next((site for site in world.sites if site.code == code), None)
    if site is None:
        raise BusinessError("ERREUR", "L-403", "Acces non autorise a la residence")
    buildings = {building.code for building in world.sites if building.parent == code}
    found = [unit for unit in world.units if unit.building in buildings]
    if not found:
        raise no_rows()
    return Reply("<Lots>\n", map(unit_row, found), "</Lots>")


def _persons(world: World, arguments: Arguments) -> Reply:
    head, rows = _page(world.persons, arguments)
    opened = f'<Contenu><tiers:Annuaire xmlns:tiers="{DIRECTORY_NAMESPACE}">\n'
    return Reply(head + opened, map(person_row, rows), "</tiers:Annuaire></Contenu>")


def _contracts(world: World, arguments: Arguments) -> Reply:
    head, rows = _page(world.contracts, arguments)
    return Reply(f"{head}<Contrats>\n", map(contract_row, rows), "</Contrats>")


def _accounts(world: World, arguments: Arguments) -> Reply:
    head, rows = _page(world.accounts, arguments)
    return Reply(f"{head}<Comptes>\n", map(account_row, rows), "</Comptes>")


def _notices(world: World, arguments: Arguments) -> Reply:
    since = _day(arguments, "DepuisLe")
    notices = world.notices
    if since is not None:
        notices = notices[bisect_left(notices, since, key=lambda notice: notice.issued_on) :]
    head, rows = _page(notices, arguments)
    return Reply(f"{head}<Avis>\n", map(notice_row, rows), "</Avis>")


def _entries(world: World, arguments: Arguments) -> Reply:
    """Whole accounts until a reply is full; the token names the account that comes next, so the world may go on."""
    since, until = _day(arguments, "DepuisLe") or date.min, _day(arguments, "JusquAu") or date.max
    start = _token(arguments, world)
    taken: list[Sequence[Entry]] = []
    size, following = 0, None
    for place in range(start, len(world.accounts)):
        if size >= ENTRIES_PER_REPLY:
            following = place
            break
        entries = world.entries[world.accounts[place].id]
        first = bisect_left(entries, since, key=lambda entry: entry.posted_on)
        last = bisect_right(entries, until, key=lambda entry: entry.posted_on)
        taken.append(entries[first:last])
        size += last - first
    if not size and not start:
        raise no_rows()
    rows = (entry_row(entry) for entries in taken for entry in reversed(entries))
    tail = leaf("JetonSuivant", _token_of(following)) if following is not None else ""
    return Reply("<Ecritures>\n", rows, f"</Ecritures>{tail}")


def _token_of(place: int) -> str:
    return f"J{place * 7919 + 104729:x}"


def _token(arguments: Arguments, world: World) -> int:
    text = arguments.get("Jeton", "")
    if not text:
        return 0
    try:
        place, rest = divmod(int(text.removeprefix("J"), 16) - 104729, 7919)
    except ValueError:
        rest = -1
    if rest or not 0 < place < len(world.accounts):
        raise BusinessError("ERREUR", "L-410", "Jeton de lecture inconnu")
    return place


def _page(rows: Sequence[RowT], arguments: Arguments) -> tuple[str, Iterator[RowT]]:
    """What the reply says of the page, and its rows."""
    page, size = _whole(arguments, "Page", default=1), _whole(arguments, "TaillePage", default=PAGE_SIZE)
    size = min(size, MAX_PAGE_SIZE)
    pages = -(-len(rows) // size)
    if page > pages:
        raise no_rows()
    head = leaf("Page", str(page)) + leaf("NombrePages", str(pages)) + leaf("Total", str(len(rows)))
    return head, iter(rows[(page - 1) * size : page * size])


def _whole(arguments: Arguments, name: str, *, default: int) -> int:
    text = arguments.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**9):
        raise BusinessError("ERREUR", "L-400", f"Parametre invalide: {name}")
    return int(text)


def _day(arguments: Arguments, name: str) -> date | None:
    text = arguments.get(name)
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BusinessError("ERREUR", "L-400", f"Parametre invalide: {name}") from None


OPERATIONS: Mapping[str, Callable[[World, Arguments], Reply]] = {
    "LireVersion": _version,
    "ListerResidences": _sites,
    "ListerLots": _units,
    "ListerPersonnes": _persons,
    "ListerContrats": _contracts,
    "ListerComptes": _accounts,
    "ListerEcritures": _entries,
    "ListerAvisEcheance": _notices,
}
