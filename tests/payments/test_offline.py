"""Instructions a tenant can follow and a bank can read: check digits, a QR code, texts in two languages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hub.ports import Instructions, StartRefusedError
from hub.testing.payment_bench import PaymentBench
from payment_providers.offline import OfflineProvider
from payment_providers.offline.references import creditor_reference, epc_payload, is_creditor_reference
from payment_providers.offline.settings import OfflineSettings
from payment_providers.offline.texts import amount

IBAN = "FR1420041010050500013M02606"
TRANSFER = {"means": "transfer", "iban": IBAN, "beneficiary": "Rives d'Oise Habitat", "bic": "PSSTFRPPPAR"}


def told(tmp_path: Path, settings: dict[str, Any], **changed: Any) -> Instructions:
    bench = PaymentBench(OfflineProvider, settings, tmp_path)
    action = bench.start(replace(bench.ask(), **changed)).action
    assert isinstance(action, Instructions)
    return action


# Published examples.
@pytest.mark.parametrize(
    "known", ["RF18539007547034", "RF18 5390 0754 7034", "RF45G72UUR", "RF712348231", "RF332348236"]
)
def test_known_structured_references_are_right(known: str) -> None:
    plain = known.replace(" ", "")
    assert is_creditor_reference(known)
    assert creditor_reference(plain[4:]) == plain


@pytest.mark.parametrize("wrong", ["RF19539007547034", "RF18539007547043", "RF18", "XX18539007547034", ""])
def test_a_wrong_digit_in_a_structured_reference_is_seen(wrong: str) -> None:
    assert not is_creditor_reference(wrong)


@pytest.mark.parametrize("text", ["", "---", "A" * 22])
def test_a_reference_that_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="1 to 21"):
        creditor_reference(text)


def test_the_qr_code_holds_the_lines_of_the_standard() -> None:
    payload = epc_payload(name="Rives d'Oise", iban=IBAN, bic="PSSTFRPPPAR", cents=12_505, reference="RF18539007547034")
    assert payload.split("\n") == [
        "BCD", "002", "1", "SCT", "PSSTFRPPPAR", "Rives d'Oise", IBAN, "EUR125.05", "", "RF18539007547034",
    ]  # fmt: skip
    for wrong in ({"cents": 0}, {"name": "x" * 71}, {"name": "a\nb"}, {"reference": "L0042"}):
        with pytest.raises(ValueError, match=r"is |the "):
            epc_payload(**{"name": "R", "iban": IBAN, "bic": "", "cents": 1, "reference": "RF18539007547034", **wrong})


def test_a_transfer_is_told_in_french_and_english_with_its_qr_code(tmp_path: Path) -> None:
    action = told(tmp_path, TRANSFER)
    assert action.reference == creditor_reference("L0042")
    assert action.text["fr"] == (
        "Faites un virement de 125,00\u00a0€ à Rives d'Oise Habitat, IBAN FR14 2004 1010 0505 0001 3M02 606, "
        f"en indiquant la référence {action.reference}."
    )
    assert "€125.00" in action.text["en"]
    assert action.qr.startswith("BCD\n002\n1\nSCT\n")
    assert action.fields == {"beneficiary": "Rives d'Oise Habitat", "iban": IBAN, "bic": "PSSTFRPPPAR"}


def test_a_landlords_own_texts_stand_in_place_of_ours(tmp_path: Path) -> None:
    own = {"text": {"fr": "Virez {amount} ({accounts}, {customer})."}, "title": {"fr": "Par virement"}}
    action = told(tmp_path, {**TRANSFER, **own})
    assert action.text["fr"] == "Virez 125,00\u00a0€ (L0042, C0042)."
    assert (action.title["fr"], action.title["en"]) == ("Par virement", "Bank transfer")


def test_a_barcode_is_filled_up_with_zeros(tmp_path: Path) -> None:
    settings = {"means": "eficash", "barcode": "2401{account:10}{cents:8}", "structured": False}
    action = told(tmp_path, settings)
    assert (action.barcode, action.reference, action.qr) == ("240100000L004200012500", "L0042", "")


@pytest.mark.parametrize(("cents", "french", "english"), [
    (5, "0,05\u00a0€", "€0.05"), (123_456_789, "1\u202f234\u202f567,89\u00a0€", "€1,234,567.89"),
])  # fmt: skip
def test_amounts_are_written_as_in_their_language(cents: int, french: str, english: str) -> None:
    assert (amount(cents, "fr"), amount(cents, "en")) == (french, english)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"iban": "FR1420041010050500013M02607"}, "no valid IBAN"),
        ({"iban": "FR7620041010050500013M02600"}, "no valid IBAN"),
        ({"bic": "NO"}, "no valid BIC"),
        ({"iban": None}, "needs iban and beneficiary"),
        ({"text": {"fr": "{nom}"}}, "{nom} is not known"),
        ({"means": "eficash"}, "needs barcode"),
        ({"means": "cheque"}, "write address"),
        ({"barcode": "{iban}"}, "{iban} is not known in a barcode"),
    ],
)
def test_settings_that_would_mislead_a_tenant_are_refused(changed: Any, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        OfflineSettings.model_validate({**TRANSFER, **changed})
    assert said in str(caught.value.errors(include_input=False)[0]["msg"])


def test_an_iban_shows_in_no_repr() -> None:
    assert IBAN not in repr(OfflineSettings.model_validate(TRANSFER))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"account_numbers": ()}, "reference_unfit"),
        ({"account_numbers": ("1" * 22,)}, "reference_unfit"),
        ({"currency": "CHF"}, "currency_unfit"),
        ({"amount_cents": 30_001}, "amount_unfit"),
    ],
)
def test_what_cannot_be_paid_this_way_is_refused(tmp_path: Path, changed: Any, reason: str) -> None:
    with pytest.raises(StartRefusedError) as caught:
        told(tmp_path, {**TRANSFER, "largest_cents": 30_000}, **changed)
    assert caught.value.reason == reason
