"""The contract suite is worth its name: each broken promise turns the right test red, a kept one leaves all green."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ASSETS = Path(__file__).parents[1] / "assets"
CAUGHT_BY = {
    "duplicates": "test_every_row_has_a_key_of_its_own",
    "wrong_types": "test_every_feed_gives_rows_the_hub_accepts",
    "unknown_column": "test_every_feed_gives_rows_the_hub_accepts",
    "bad_rows": "test_every_feed_gives_rows_the_hub_accepts",
    "breaks_off": "test_every_feed_gives_rows_the_hub_accepts",
    "huge": "test_batches_are_bounded",
    "shuffled": "test_reading_twice_gives_the_same_rows",
    "all_at_once": "test_rows_come_one_batch_at_a_time",
    "no_spool": "test_raw_replies_are_spooled",
    "no_cursor": "test_a_delta_goes_on_from_its_cursor",
    "deaf": "test_a_delta_goes_on_from_its_cursor",
    "no_reason": "test_what_it_cannot_do_is_refused_with_a_reason",
    "secret_in_repr": "test_nothing_shows_a_secret_when_printed",
    "secret_in_error": "test_a_wrong_secret_stops_the_night",
    "open_door": "test_check_tells_a_wrong_secret_without_showing_it",
    "check_raises": "test_check_finds_every_step_in_order",
    "odd_error": "test_nobody_at_the_other_end_is_tried_again_later",
    "talkative": "test_no_secret_reaches_a_log",
    "posts_twice": "test_a_payment_is_posted_once_and_then_found",
    "finds_nothing": "test_a_payment_is_posted_once_and_then_found",
    "finds_anything": "test_what_was_never_posted_is_absent",
    "results_turned": "test_results_come_one_for_each_posting_in_order",
    "refusal_raised": "test_results_come_one_for_each_posting_in_order",
    "silence_is_absent": "test_nobody_at_the_other_end_says_nothing_of_a_posting",
    "posts_aloud": "test_no_secret_shows_when_a_posting_fails",
    "forgetful": "test_settings_of_older_versions_are_taken_over",
}
SUITE = """
import pytest
import hostile_erp
from hub.testing.erp_contract import ErpConnectorContract


def promises(misdeed):
    class Connector(hostile_erp.HostileConnector):
        @classmethod
        def misdeed(cls):
            return misdeed

    if misdeed == "forgetful":
        renamed = type("Renamed", (hostile_erp.HostileSettings,), {"schema_version": 2})
        Connector.settings_model = renamed
    Connector.__module__ = "hostile_erp"

    class Contract(ErpConnectorContract):
        connector = Connector
        settings = {"password": hostile_erp.PASSWORD, "misdeed": misdeed}
        feeds = {"contracts": {"stream": "contracts", "mode": "delta"}}
        nowhere = {"alive": False}
        older_settings = {1: settings}
        posting = {"account_ref": "A1", "method": "payment_card"}
        refused_posting = {"account_ref": "nobody"}

        def entered(self, bench, reference):
            return hostile_erp.HostileConnector.entered.count(reference)

        @pytest.fixture(scope="class")
        @classmethod
        def server(cls):
            return {}

        test_its_plugin_registers_it = None
        test_it_goes_nowhere_the_landlord_has_not_allowed = None

    return Contract

"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """By misdeed, the names of the tests that turned red."""
    folder = tmp_path_factory.mktemp("hostile")
    classes = [f"Test_{name} = promises({name!r})\n" for name in ("", *CAUGHT_BY)]
    (folder / "test_hostile.py").write_text(SUITE + "".join(classes))
    (folder / "hostile_erp.py").write_text((ASSETS / "hostile_erp.py").read_text())
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = session\n")
    chosen = ["Test_", *(f"Test_{misdeed}::{test}" for misdeed, test in CAUGHT_BY.items())]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=r.xml"]
    command += [f"test_hostile.py::{name}" for name in chosen]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=150)
    assert done.returncode == 1, done.stdout + done.stderr
    red: dict[str, set[str]] = {name: set() for name in ("", *CAUGHT_BY)}
    for case in ET.parse(folder / "r.xml").iter("testcase"):
        misdeed = case.get("classname", "").partition("Test_")[2]
        if case.find("failure") is not None or case.find("error") is not None:
            red[misdeed].add(case.get("name", ""))
    return red


def test_a_connector_that_keeps_its_promises_passes(outcomes):
    assert outcomes[""] == set()


@pytest.mark.parametrize(("misdeed", "test"), CAUGHT_BY.items())
def test_a_broken_promise_is_caught(misdeed: str, test: str, outcomes):
    assert test in outcomes[misdeed]
