"""What a landlord writes as arguments becomes what is sent."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from erp_connectors.soap.settings import CallFeed, Loop, Pages, SoapSettings
from erp_connectors.template import fill, windows

KNOWN = {"page": 3, "since": None, "from": date(2026, 11, 1), "site": "R0001", "secret": "s3cret", "zero": 0}


def filled(template):
    return fill(template, lambda name, spec: KNOWN.get(name))


def test_a_placeholder_alone_keeps_the_type_of_its_value():
    assert filled({"Page": "{page}", "Zero": "{zero}"}) == {"Page": 3, "Zero": 0}


def test_an_argument_without_value_is_left_out():
    assert filled({"DepuisLe": "{since}", "Page": 1}) == {"Page": 1}


def test_dates_are_iso_unless_a_format_is_given():
    assert filled({"Du": "{from}", "Le": "{from:%d/%m/%Y}"}) == {"Du": "2026-11-01", "Le": "01/11/2026"}


def test_templates_nest_and_mix_text_with_values():
    template = {"Filtre": {"Sites": ["{site}", "R{page}"], "Cle": "site={site};page={zero};since={since}"}, "N": 5}
    expected = {"Filtre": {"Sites": ["R0001", "R3"], "Cle": "site=R0001;page=0;since="}, "N": 5}
    assert filled(template) == expected


def test_a_value_that_looks_like_a_placeholder_is_not_filled_again():
    assert fill({"A": "x{site}"}, lambda name, spec: "{secret:password}") == {"A": "x{secret:password}"}


def test_windows_cover_every_day_once():
    assert list(windows(date(2026, 1, 1), date(2026, 3, 1), 31)) == [
        (date(2026, 1, 1), date(2026, 1, 31)),
        (date(2026, 2, 1), date(2026, 3, 1)),
    ]
    assert list(windows(date(2026, 3, 2), date(2026, 3, 1), 31)) == []


def test_an_unknown_placeholder_or_secret_is_refused_with_those_there_are():
    with pytest.raises(ValidationError, match="there are cursor"):
        CallFeed(operation="X", rows="A/B", arguments={"Site": "{site}"})
    with pytest.raises(ValidationError, match="there are password, licence"):
        CallFeed(operation="X", rows="A/B", arguments={"Cle": "{secret:key}"})
    CallFeed(operation="X", rows="A/B", arguments={"S": "{site}"}, for_each=Loop(name="site", values=("a",)))


def test_paging_must_say_how_it_ends():
    with pytest.raises(ValidationError, match="how the last page is known"):
        Pages(by="token")
    with pytest.raises(ValidationError, match="how the last page is known"):
        Pages(by="page")
    with pytest.raises(ValidationError, match="how the last page is known"):
        Pages(by="page", size=200, path="NombrePages")


def test_a_login_needs_user_and_password():
    with pytest.raises(ValidationError, match='auth = "wsse_text" needs user and password'):
        SoapSettings(wsdl="https://erp.example.org/x?wsdl", auth="wsse_text", user="hub")


def test_a_broken_pattern_for_messages_is_refused():
    with pytest.raises(ValidationError, match="not a regular expression"):
        SoapSettings(wsdl="https://erp.example.org/x?wsdl", messages=[{"match": "(", "means": "empty"}])
