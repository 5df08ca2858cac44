"""A file with too many bad rows is refused as a whole; how many are too many is the landlord's to say."""

from __future__ import annotations

from typing import Any

import pytest

from hub.config import read_landlord
from hub.domain.rejects import RejectLimit
from hub.errors import SettingsError

SFTP = "cite-des-tilleuls"


def without_rent(text: str) -> str:
    """A quarter of the ledger's codes are known no more."""
    return text.replace('LOC = "rent"\n', "").replace('APL = "housing_aid"\n', "")


def with_limit(limit: str) -> Any:
    line = '[feeds.ledger]\nconnector = "erp"\n'
    return lambda text: without_rent(text).replace(line, f"{line}max_rejected = {limit}\n")


async def test_a_file_with_a_fifth_of_its_rows_bad_is_refused_with_the_first_reasons(home: Any) -> None:
    before = await home.dump(SFTP)
    await home.apply(SFTP, without_rent)

    report = await home.feed(SFTP, "ledger")

    assert ("refused", "INPUT_REFUSED", 0) == (report.state, report.error_code, report.added)
    assert "(limit 20 %)" in report.error
    assert "UNKNOWN_CODE" in report.error
    assert "max_rejected of feed ledger" in report.hint
    assert before == await home.dump(SFTP)
    states = await home.rows(SFTP, "select state from artifact where feed = 'ledger' order by ordinal desc limit 1")
    assert [("refused",)] == states


async def test_a_landlord_may_allow_more(home: Any) -> None:
    await home.apply(SFTP, with_limit('"95 %"'))

    report = await home.feed(SFTP, "ledger")

    assert "applied" == report.state
    assert report.quarantined > 50


async def test_a_landlord_may_allow_none(home: Any) -> None:
    await home.apply(SFTP, with_limit("0"))

    assert "(limit 0 rows)" in (await home.feed(SFTP, "ledger")).error


@pytest.mark.parametrize("limit", ['"many"', "-1", '"120 %"', "1.5"])
async def test_a_limit_that_is_none_is_refused_with_its_line(home: Any, limit: str) -> None:
    path = home.folder / "limited.toml"
    path.write_text(with_limit(limit)(home.files[SFTP].read_text(encoding="utf-8")), encoding="utf-8")

    with pytest.raises(SettingsError, match="max_rejected"):
        read_landlord(path, home.parts.registry)


@pytest.mark.parametrize(
    ("limit", "bad", "read", "passed"),
    [
        (None, 49, 60, False),
        (None, 50, 60, True),
        (None, 60, 300, False),
        (None, 61, 300, True),
        ("5 %", 1, 20, False),
        ("5 %", 2, 20, True),
        ("0 %", 0, 20, False),
        (0, 1, 10_000, True),
        (100, 100, 100, False),
        (100, 101, 10_000, True),
    ],
)
def test_what_is_too_many(limit: int | str | None, bad: int, read: int, passed: bool) -> None:
    assert passed is RejectLimit.parse(limit).is_passed(bad=bad, read=read)
