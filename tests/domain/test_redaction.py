"""What is kept of a stranger's message holds no card number, wherever and however it was written."""

from __future__ import annotations

import pytest

from hub.domain.redaction import KEEP, is_card_number, mask_cards, only, without_cards

CARDS = ("4970100000000154", "4242424242424242", "378282246310005", "6011111111111117")


@pytest.mark.parametrize("card", CARDS)
def test_card_numbers_are_known_by_their_check_digit(card: str) -> None:
    assert is_card_number(card)
    assert not is_card_number(card[:-1] + str((int(card[-1]) + 1) % 10))


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("written", ["{}", "carte {}, merci", "n°{}.", "x{}y"])
def test_a_card_number_is_masked_but_for_its_end(card: str, written: str) -> None:
    masked = mask_cards(written.format(card))
    assert card not in masked
    assert card[-4:] in masked


@pytest.mark.parametrize("written", ["4970 1000 0000 0154", "4970-1000-0000-0154", "4970.1000.0000.0154"])
def test_groups_of_digits_are_seen_as_one_number(written: str) -> None:
    assert mask_cards(f"a {written} b") == "a ************0154 b"


@pytest.mark.parametrize(
    "text", ["4970100000000155", "20261120090000", "2026112009000", "123456789012", "FR1420041010050500013M02606", ""]
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert mask_cards(text) == text


def test_every_leaf_and_key_is_looked_at() -> None:
    card = CARDS[0]
    soiled = {"a": [card, {"b": f"x {card}"}], card: 1, "n": int(card), "ok": 12, "yes": True, "no": None}
    kept = without_cards(soiled)
    assert card not in repr(kept)
    assert (kept["ok"], kept["yes"], kept["no"]) == (12, True, None)


def test_only_what_a_shape_names_is_kept() -> None:
    shape = {"id": KEEP, "deep": {"id": KEEP}}
    content = {"id": f"x {CARDS[0]}", "name": "Camille", "deep": [{"id": 1, "name": "y"}, "text"]}
    assert only(content, shape) == {"id": "x ************0154", "deep": [{"id": 1}, None]}
    assert only({"id": {"name": "Camille"}}, shape) == {}
    assert only("Camille", shape) is None
