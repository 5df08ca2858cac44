"""The page on which a person pays, or does not: the same for all wires, plain HTML, without a script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from hub.sandbox.payments.book import Book, BookError
from hub.sandbox.payments.model import How, Payment, Shop
from hub.sandbox.payments.site import Site
from hub.sandbox.payments.web import Answer, Request, not_found

_TOLD_SECONDS = 5.0
_CHOICES: Mapping[How, str] = {
    "pay": "Payer",
    "refuse": "Carte refusée",
    "abandon": "Abandonner",
    "hold": "Payer puis rester en attente",
    "silent": "Ne plus répondre",
    "late": "Payer après trois jours",
}
_HINTS: Mapping[How, str] = {
    "hold": "l'argent est promis, il est pris plus tard",
    "silent": "l'argent est pris, mais la boutique n'en apprend rien et le navigateur ne revient pas",
    "late": "la banque ne répond que dans trois jours",
}
_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color:#1c2733}
h1{font-size:1.3rem}dl{display:grid;grid-template-columns:auto 1fr;gap:.3rem 1.5rem}dt{color:#56616d}dd{margin:0}
.amount{font-size:1.6rem;font-weight:600}p.note{background:#fdf3d8;padding:.6rem .8rem}
button{display:block;width:100%;margin:.5rem 0;padding:.7rem;font:inherit;border:1px solid #8a97a4;
background:#fff;cursor:pointer}
button:first-of-type{background:#0b5c46;color:#fff;border-color:#0b5c46}small{color:#56616d}"""


class Pages:
    """Finds the payment of a page's address, shows it, and does what its buttons say."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def answer(self, request: Request) -> Answer | None:
        """None for a path that is no page's."""
        wanted = _id_of(request)
        if wanted is None:
            return None
        payment = self._book.store.payments.get(wanted)
        if payment is None:
            return _html("Paiement inconnu", "<p>Ce lien ne mène à aucun paiement.</p>", status=404)
        if request.path.startswith("/pay/") and request.path.endswith("/back"):
            return self._site(payment).back(self._shop(payment), payment)
        if request.method == "POST":
            return self._act(payment, request.form())
        self._book.expire_if_late(payment)
        return self.page(payment)

    def page(self, payment: Payment, note: str = "") -> Answer:
        """What stands there now: the choices, or how it ended."""
        shop = self._shop(payment)
        if not payment.is_open:
            return _html("Paiement terminé", _facts(shop, payment) + "<p>Ce paiement est terminé.</p>" + _back(payment))
        buttons = "".join(map(_button, _CHOICES.items()))
        if self._site(payment).has_debit:
            buttons += '<button name="how" value="debit">Payer par prélèvement</button>'
            buttons += '<button name="how" value="refuse_debit">Prélèvement refusé</button>'
        said = f'<p class="note" role="status">{escape(note)}</p>{_back(payment)}' if note else ""
        form = f'<form method="post" action="/pay/{escape(payment.id)}">{buttons}</form>'
        return _html(f"Paiement à {shop.name}", _facts(shop, payment) + said + form)

    def _act(self, payment: Payment, given: Mapping[str, str]) -> Answer:
        asked = {"debit": "pay", "refuse_debit": "refuse"}.get(given.get("how", ""), given.get("how", ""))
        how = next((one for one in _CHOICES if one == asked), None)
        if how is None:
            return not_found()
        try:
            self._book.act(payment, how, method="debit" if "debit" in given["how"] else "card")
        except BookError:
            return self.page(payment)
        if how == "silent":
            return _html("…", "<p>La page de paiement ne répond plus.</p>")
        self._book.post.wait_for(payment, _TOLD_SECONDS)
        if how == "refuse" and payment.is_open:
            return self.page(payment, "Votre banque a refusé cette carte. Vous pouvez en essayer une autre.")
        return self._site(payment).back(self._shop(payment), payment)

    def _shop(self, payment: Payment) -> Shop:
        return self._book.shops[payment.shop]

    def _site(self, payment: Payment) -> Site:
        return self._book.sites[self._shop(payment).wire]


def posts_back(url: str, fields: Mapping[str, str], title: str) -> Answer:
    """A page whose only button takes the browser back with these fields."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items()
    )
    form = f'<form method="post" action="{escape(url)}" id="back">{hidden}<button>Revenir à la boutique</button></form>'
    return _html(title, form)


def notice(title: str, text: str, status: int) -> Answer:
    return _html(title, f"<p>{escape(text)}</p>", status=status)


def ends_here(title: str) -> Answer:
    """For a shop that gave no address to go back to."""
    return _html(title, "<p>Vous pouvez fermer cette page.</p>")


def euros(cents: int) -> str:
    whole, rest = divmod(cents, 100)
    return f"{whole:,}".replace(",", "\N{NO-BREAK SPACE}") + f",{rest:02d}"


def _id_of(request: Request) -> str | None:
    path = request.path
    if path.startswith("/tpa/") and path.endswith(".web"):
        return request.query.get("idop") or request.query.get("idOp", "")
    for beginning in ("/t/", "/c/pay/", "/pay/"):
        if path.startswith(beginning):
            return path.removeprefix(beginning).removesuffix("/back")
    return None


def _facts(shop: Shop, payment: Payment) -> str:
    rows: Iterable[tuple[str, str]] = (("Créancier", shop.name), ("Référence", payment.reference))
    listed = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    amount = f'<dt>Montant</dt><dd class="amount">{euros(payment.cents)} {escape(payment.currency)}</dd>'
    return f"<dl>{listed}{amount}</dl>"


def _button(choice: tuple[How, str]) -> str:
    how, text = choice
    hint = f"<br><small>{escape(_HINTS[how])}</small>" if how in _HINTS else ""
    return f'<button name="how" value="{how}">{escape(text)}{hint}</button>'


def _back(payment: Payment) -> str:
    return f'<p><a href="/pay/{escape(payment.id)}/back">Revenir à la boutique</a></p>'


def _html(title: str, inside: str, *, status: int = 200) -> Answer:
    page = (
        f'<!doctype html><html lang="fr"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<main><h1>{escape(title)}</h1>{inside}<p><small>Banque du bac à sable : aucun argent réel.</small></p></main>"
    )
    return Answer(page.encode(), status)
