"""Ids and cursors: what we gave out comes back as it was, anything else is refused in one way."""

from __future__ import annotations

import contextlib
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import NotFoundError
from hub.store.reads.contracts import ContractPosition
from hub.store.reads.documents import DocumentPosition
from hub.store.reads.ledger import EntryPosition
from hub.store.reads.notices import NoticePosition
from tenant_api import cursors, ids
from tenant_api.cursors import CursorError
from tenant_api.ids import Kind

DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2199, 12, 31))
POSITIONS = st.one_of(
    st.builds(ContractPosition, st.integers(0, 2), DAYS, st.uuids()),
    st.builds(EntryPosition, DAYS, st.integers(-(2**53), 2**53), st.uuids()),
    st.builds(NoticePosition, DAYS, st.uuids()),
    st.builds(DocumentPosition, DAYS, st.uuids()),
)


@given(st.sampled_from(Kind), st.uuids())
def test_an_id_comes_back_as_it_was(kind: Kind, uuid: UUID) -> None:
    assert ids.decode(ids.encode(kind, uuid)) == (kind, uuid)


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{23}", fullmatch=True))
def test_any_other_text_is_not_found(text: str) -> None:
    with contextlib.suppress(NotFoundError):
        assert ids.encode(*ids.decode(text)) == text


@given(POSITIONS)
def test_a_cursor_comes_back_to_its_place(position: cursors.Position) -> None:
    assert cursors.decode(type(position), cursors.encode(position)) == position


@given(POSITIONS)
def test_a_cursor_works_on_its_own_kind_of_list_only(position: cursors.Position) -> None:
    for kind in {ContractPosition, EntryPosition, NoticePosition, DocumentPosition} - {type(position)}:
        with pytest.raises(CursorError):
            cursors.decode(kind, cursors.encode(position))


@given(st.text() | st.binary().map(lambda raw: raw.hex()))
def test_any_other_text_is_no_cursor(text: str) -> None:
    with contextlib.suppress(CursorError):
        assert cursors.decode(EntryPosition, text) is not None
