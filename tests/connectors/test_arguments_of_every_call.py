"""Arguments a landlord writes once for a connector, and a probe whose answer is looked at."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from erp_connectors.soap.settings import SoapSettings
from hub.errors import SettingsError
from hub.sandbox import Sandbox
from hub.testing.bench import Bench

URL = "https://erp.example.org/x?wsdl"


@pytest.fixture
def sites(sandbox: Sandbox, bench_of: Any) -> Bench:
    bench: Bench = bench_of("lakeside-homes", sandbox, only="sites")
    return bench


def steps(bench: Bench, **settings: Any) -> dict[str, tuple[bool, str]]:
    with bench.open({**bench.settings, **settings}) as connector:
        return {finding.step: (finding.ok, finding.detail) for finding in connector.check(bench.feeds)}


def test_only_what_an_operation_takes_is_sent(sites):
    assert steps(sites, probe="GetVersionNumber", probe_rows=None)["log in"] == (True, "as hub")
    assert steps(sites)["feed sites"] == (True, "GetPropertyConfigurations gave 3 rows")


def test_a_feeds_own_argument_takes_the_place_of_the_connectors(sandbox, bench_of):
    bench = bench_of("lakeside-homes", sandbox, only="sites", arguments={"InterfaceEntity": "Another"})
    ok, said = steps(bench)["feed sites"]
    assert not ok
    assert "interface entity" in said


def test_an_operation_the_wsdl_does_not_have_is_still_named(sandbox, bench_of):
    bench = bench_of("lakeside-homes", sandbox, only="sites", operation="GetPropertyConfiguration")
    with pytest.raises(SettingsError, match="no operation 'GetPropertyConfiguration'") as caught:
        bench.harvest(bench.feeds[0])
    assert "did you mean GetPropertyConfigurations?" in caught.value.hint


def test_a_probe_answered_with_nothing_is_no_log_in_where_rows_are_due(sites):
    wrong = {**sites.settings["arguments"], "Database": "another"}
    assert steps(sites, arguments=wrong, probe_rows=None)["log in"] == (True, "as hub")
    ok, said = steps(sites, arguments=wrong)["log in"]
    assert not ok
    assert "neither rows nor a message" in said


@pytest.mark.parametrize("name", ["page", "from", "property"])
def test_what_differs_from_call_to_call_belongs_into_the_feed(name):
    with pytest.raises(ValidationError, match="is not known in arguments: there are secret, today, user"):
        SoapSettings(wsdl=URL, arguments={"X": f"{{{name}}}"})


def test_a_secret_there_is_not_is_refused():
    with pytest.raises(ValidationError, match="there are password, licence"):
        SoapSettings(wsdl=URL, arguments={"X": "{secret:key}"})
