"""Names of dropped files: what a pattern finds, dates, orders and leaves alone."""

from __future__ import annotations

import pytest

from erp_connectors.sftp_files.patterns import FilePattern, check_fill

LEDGER = FilePattern("compta/ECR_{date:%Y%m%d}_{seq}.csv")


def test_a_name_gives_its_date_and_number():
    found = LEDGER.match("ECR_20261120_07.csv")
    assert found is not None
    assert (found.path, found.group, found.seq) == ("compta/ECR_20261120_07.csv", "2026-11-20T00:00:00", "07")


def test_the_tenth_file_of_a_day_comes_after_the_ninth():
    names = ["ECR_20261120_10.csv", "ECR_20261120_9.csv", "ECR_20261119_11.csv"]
    found = sorted(filter(None, map(LEDGER.match, names)), key=lambda one: (one.group, one.sequence))
    assert [one.path[7:] for one in found] == ["ECR_20261119_11.csv", "ECR_20261120_9.csv", "ECR_20261120_10.csv"]


@pytest.mark.parametrize(
    "name",
    [
        "ECR_20261120_01.csv.tmp",
        ".ECR_20261120_01.csv",
        "ECR_20261120_01.CSV.part",
        "ECR_20261320_01.csv",
        "ECR_2026112_01.csv",
        "XECR_20261120_01.csv",
        "ECR_20261120_01.csv\n",
        "ECR_20261120_x.csv",
    ],
)
def test_unfinished_undated_and_foreign_names_are_left_alone(name: str):
    assert LEDGER.match(name) is None


def test_a_star_also_leaves_unfinished_files_alone():
    pattern = FilePattern("*")
    assert [name for name in ("a.csv", "b.part", ".c", "d.filepart", "e.PARTIAL") if pattern.match(name)] == ["a.csv"]


def test_a_pattern_without_folder_lists_where_the_login_leads():
    pattern = FilePattern("contrats.csv")
    assert (pattern.folder, pattern.match("contrats.csv").path) == (".", "contrats.csv")
    assert pattern.match("contratsXcsv") is None


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("{stem}.ctl", "compta/ECR_20261120_01.ctl"),
        ("compta/ctl/{date:%d%m%y}_{seq}.txt", "compta/ctl/201126_01.txt"),
        ("{folder}/archives/{name}", "compta/archives/ECR_20261120_01.csv"),
    ],
)
def test_a_companion_is_named_after_its_file(pattern: str, expected: str):
    assert LEDGER.match("ECR_20261120_01.csv").fill(check_fill(pattern)) == expected


@pytest.mark.parametrize(
    "pattern", ["in/{date:%Y}/x.csv", "a*/x.csv", "x_{day}.csv", "{date:%Y}_{date:%m}.csv", "x_{date:%B}.csv"]
)
def test_a_pattern_that_cannot_be_read_says_why(pattern: str):
    with pytest.raises(ValueError, match=r"folder|known|one \{date"):
        FilePattern(pattern)


def test_an_unknown_placeholder_of_a_companion_is_refused():
    with pytest.raises(ValueError, match="may hold"):
        check_fill("{stemm}.ctl")
