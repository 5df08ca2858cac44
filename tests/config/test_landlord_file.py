"""A landlord's file: what it says, what is refused, and that everything wrong is told at once with its line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import time
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, SecretStr

from hub.config import ContactPoint, LandlordConfig, LandlordFile, LandlordFileError, Opening, read_landlord, resolve
from hub.errors import MappingError, NotFoundError, PluginError, SettingsError
from hub.ports import (
    CallSource,
    Capabilities,
    ConnectorSettings,
    ErpConnector,
    Feed,
    FeedSettings,
    Finding,
    Pull,
    Spool,
    setting,
)
from hub.records import Batch, Stream


class Login(BaseModel):
    realm: str
    pin: SecretStr


class LakeSettings(ConnectorSettings):
    host: str = setting("Where the ERP answers", example="erp.example.org")
    token: SecretStr = setting("Issued in Lake under Administration")
    logins: dict[str, Login] = setting("Logins by name", default={})
    codes: dict[str, SecretStr] = setting("Codes by name", default={})


class LakeFeed(FeedSettings):
    table: str = setting("The table to read", example="CONTRACTS")
    page: int = setting("Rows a page", default=100, ge=1)


class Lake(CallSource[LakeSettings]):
    name: ClassVar[str] = "lake"
    settings_model = LakeSettings
    feed_settings_model = LakeFeed
    needs_mapping = True
    capabilities = Capabilities(pull={one: Pull(delta=one is Stream.LEDGER_ENTRIES) for one in list(Stream)[:-1]})

    def check(self, feeds: Sequence[Feed]) -> Iterator[Finding]:
        yield Finding("look", True)

    def pull(self, feed: Feed, cursor: str | None, spool: Spool) -> Iterator[Batch]:
        yield Batch([])


class Pond(Lake):
    name: ClassVar[str] = "pond"
    needs_mapping = False


class Shelf:
    """The registry, as far as config asks."""

    def connector(self, name: str) -> type[ErpConnector[Any]]:
        found = {"lake": Lake, "pond": Pond}.get(name)
        if found is None:
            raise PluginError(f"there is no connector {name!r}", hint="there are: lake, pond")
        return found


LANDLORD = """\
[landlord]
slug = "les-lilas"
name = "Les Lilas"
time_zone = "Europe/Paris"

[connectors.erp]
plugin = "lake"
host = "erp.example.org"
token = { env = "LAKE_TOKEN" }

[feeds.ledger]
connector = "erp"
stream = "ledger_entries"
mode = "delta"
schedule = "daily 04:30"
table = "ECR"

[feeds.ledger.fields]
external_id = "NUM"
account_ref = "CPT"
posted_on = { column = "DT", date = "%d/%m/%Y" }
amount = { debit = "DEBIT", credit = "CREDIT", decimal = "," }
kind = { column = "CODE", codes = { LOC = "rent" } }
label = "LIB"

[feeds.sites]
connector = "erp"
stream = "sites"
table = "SITES"
keep = [{ column = "ETAT", in = ["A"] }]
fields = { external_id = "CODE", name = "LIB" }
"""
ENVIRON = {"LAKE_TOKEN": "s3cret-value"}


def write(folder: Path, text: str) -> Path:
    path = folder / "les-lilas.toml"
    path.write_text(text, encoding="utf-8")
    return path


def config(folder: Path, text: str = LANDLORD, **options: Any) -> LandlordConfig:
    return read_landlord(write(folder, text), Shelf(), **({"environ": ENVIRON} | options))


def problems(folder: Path, text: str, **options: Any) -> list[str]:
    with pytest.raises(LandlordFileError) as caught:
        config(folder, text, **options)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


# --- what a sound file gives ---------------------------------------------------------------------------------------


def test_a_sound_file_gives_feeds_in_the_order_of_a_night(tmp_path: Path) -> None:
    landlord = config(tmp_path)
    assert [feed.name for feed in landlord.feeds] == ["sites", "ledger"]
    assert (landlord.slug, landlord.identity.locale, landlord.feeds[0].mode) == ("les-lilas", "fr-FR", "snapshot")
    assert landlord.feed("ledger").schedule.text == "daily 04:30"
    assert landlord.feed("sites").schedule.text == "manual"


def test_a_feed_is_built_with_the_plugins_settings_and_a_compiled_mapping(tmp_path: Path) -> None:
    feed = config(tmp_path).build_feed("ledger")
    assert feed.settings == LakeFeed(table="ECR", page=100)
    assert feed.mapper is not None
    assert set(feed.mapper.columns) == {"NUM", "CPT", "DT", "DEBIT", "CREDIT", "CODE", "LIB"}


def test_a_connector_that_maps_by_itself_gets_no_mapper(tmp_path: Path) -> None:
    text = LANDLORD.split("[feeds.ledger.fields]")[0].replace('plugin = "lake"', 'plugin = "pond"')
    assert config(tmp_path, text).build_feed("ledger").mapper is None


def test_secrets_are_read_from_the_environment_and_from_files_beside_the_landlords(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "pin").write_text("1234\n")
    text = LANDLORD.replace(
        "[feeds.ledger]",
        'codes = { x = { env = "LAKE_TOKEN" } }\n'
        'logins.a = { realm = "r", pin = { file = "secrets/pin" } }\n[feeds.ledger]',
    )
    landlord = config(tmp_path, text)
    assert {name: value.get_secret_value() for name, value in landlord.secrets.items()} == {
        ("erp", "token"): "s3cret-value",
        ("erp", "logins.a.pin"): "1234",
        ("erp", "codes.x"): "s3cret-value",
    }
    settings = landlord.build_settings("erp")
    assert isinstance(settings, LakeSettings)
    assert settings.logins["a"].pin.get_secret_value() == "1234"


def test_the_file_itself_knows_its_secrets_without_a_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_TOKEN", "t")
    file = LandlordFile.load(write(tmp_path, LANDLORD))
    assert file.secrets == {("erp", "token"): SecretStr("t")}
    assert resolve(file, Shelf()).secrets == file.secrets


def test_no_secret_is_in_the_json_nor_in_any_repr(tmp_path: Path) -> None:
    landlord = config(tmp_path)
    shown = [
        landlord.to_json(),
        repr(landlord),
        repr(landlord.build_settings("erp")),
        repr(landlord.build_feed("ledger")),
    ]
    assert not [text for text in shown if "s3cret" in text]
    assert json.loads(landlord.to_json())["connectors"]["erp"]["settings"]["token"] == {"env": "LAKE_TOKEN"}


@pytest.mark.parametrize("as_object", [False, True])
def test_a_config_comes_back_from_json_and_gets_its_secrets_again(tmp_path: Path, as_object: bool) -> None:
    landlord = config(tmp_path, LANDLORD + CONTACT)
    text = landlord.to_json()
    again = LandlordConfig.from_json(json.loads(text) if as_object else text, Shelf())
    assert (again, again.fingerprint) == (landlord, landlord.fingerprint)
    assert again.secret_names == {("erp", "token")}
    with pytest.raises(SettingsError, match="secret token of connector erp is not stored"):
        again.build_settings("erp")
    filled = again.with_secrets({("erp", "token"): SecretStr("later"), ("erp", "gone"): SecretStr("x")})
    assert filled.build_settings("erp").token.get_secret_value() == "later"  # type: ignore[attr-defined]
    assert again.build_feed("sites") == landlord.build_feed("sites")


def test_a_stored_config_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="apply the landlord's file again"):
        LandlordConfig.from_json({"format": 99}, Shelf())


def test_the_fingerprint_follows_the_meaning_and_not_the_writing(tmp_path: Path) -> None:
    plain = config(tmp_path).fingerprint
    assert config(tmp_path, "# a comment\n" + LANDLORD.replace('"daily 04:30"', '"Daily  04:30"')).fingerprint == plain
    assert config(tmp_path, LANDLORD.replace("04:30", "05:30")).fingerprint != plain


def test_the_mapping_version_changes_with_what_changes_the_reading(tmp_path: Path) -> None:
    version = config(tmp_path).feed("ledger").mapping_version
    assert config(tmp_path, LANDLORD.replace("04:30", "05:30")).feed("ledger").mapping_version == version
    for changed in (LANDLORD.replace('"LIB"', '"LIBELLE"'), LANDLORD.replace('table = "ECR"', 'table = "ECR2"')):
        assert config(tmp_path, changed).feed("ledger").mapping_version != version


def test_network_limits_become_the_policy(tmp_path: Path) -> None:
    text = LANDLORD.replace(
        "[feeds.ledger]", '[connectors.erp.network]\nprivate_hosts = ["10.0.0.1"]\nmax_bytes = 5\n[feeds.ledger]', 1
    )
    policy = config(tmp_path, text).network("erp")
    assert (policy.private_hosts, policy.max_bytes, policy.allow_http) == (frozenset({"10.0.0.1"}), 5, False)


def test_what_is_hardly_meant_is_warned_of(tmp_path: Path) -> None:
    text = LANDLORD + '[connectors.spare]\nplugin = "pond"\nhost = "h"\ntoken = { env = "LAKE_TOKEN" }\n'
    assert config(tmp_path, text).warnings == [
        "feed ledger refers to accounts, but no feed of erp brings them: its rows will wait for `rekey --share`",
        "connector spare has no feed",
    ]


def test_an_unknown_feed_is_not_found_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match='did you mean "ledger"'):
        config(tmp_path).build_feed("leger")


def test_dates_of_toml_may_be_constants(tmp_path: Path) -> None:
    text = LANDLORD.replace('posted_on = { column = "DT", date = "%d/%m/%Y" }', "posted_on = { const = 2020-01-01 }")
    assert json.loads(config(tmp_path, text).to_json())["feeds"][1]["fields"]["posted_on"] == {"const": "2020-01-01"}


# --- contact points --------------------------------------------------------------------------------------------------

CONTACT = """
[[contact_points]]
role = "call_centre"
name = "Centre de relation clients"
phone = "01 99 00 20 20"
hours = { weekdays = ["13:30-17:00", "08:30-12:00"], friday = ["08:30-12:00"] }
notes = { fr = "Sans rendez-vous", en = "Walk in" }

[[contact_points]]
role = "emergency"
name = "Urgences"
sites = ["R1"]
hours = { every_day = ["00:00-24:00"] }
notes = "Ne pas raccrocher"
"""


def test_opening_hours_have_several_intervals_a_day(tmp_path: Path) -> None:
    centre, emergency = config(tmp_path, LANDLORD + CONTACT).contact_points
    assert [opening for opening in centre.hours if opening.weekday in (1, 5)] == [
        Opening(weekday=1, opens=time(8, 30), closes=time(12)),
        Opening(weekday=1, opens=time(13, 30), closes=time(17)),
        Opening(weekday=5, opens=time(8, 30), closes=time(12)),
    ]
    assert [opening.weekday for opening in emergency.hours] == [1, 2, 3, 4, 5, 6, 7]
    assert emergency.hours[0].closes == time(23, 59)
    assert (centre.note("en-GB"), centre.note("de"), emergency.note("fr")) == (
        "Walk in",
        "Sans rendez-vous",
        "Ne pas raccrocher",
    )
    assert ContactPoint.model_validate(centre.plain()) == centre


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ('{ lundi = ["08:00-12:00"] }', "lundi is no day"),
        ('{ monday = ["8h-12h"] }', "'8h-12h' of monday is no interval"),
        ('{ monday = ["12:00-08:00"] }', "ends before it begins"),
        ('{ monday = ["08:00-12:00", "11:00-13:00"] }', "two intervals of monday overlap"),
        ('{ monday = "08:00-12:00" }', "monday is a list of intervals"),
        ('"always"', "Input should be a valid tuple"),
    ],
)
def test_hours_that_cannot_be_are_refused(tmp_path: Path, hours: str, said: str) -> None:
    (problem,) = problems(tmp_path, LANDLORD + f'[[contact_points]]\nrole = "agency"\nname = "A"\nhours = {hours}\n')
    assert said in problem
    assert "line 35, field contact_points.0.hours" in problem


# --- what is wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('slug = "les-lilas"', 'slug = "Les Lilas"', "line 2, field landlord.slug: String should match pattern"),
        ('"Europe/Paris"', '"Europe/Pariss"', '"Europe/Pariss" is no time zone: did you mean "Europe/Paris"?'),
        ('name = "Les Lilas"\n', "", "field landlord.name: name is missing"),
        ("[landlord]", "[lanlord]", 'unknown table "lanlord" → did you mean "landlord"?'),
        ("[landlord]", "[lanlord]", "[landlord] is missing"),
        ('time_zone = "Europe/Paris"', 'time_zone = "Europe/Paris"\nport = 1', 'unknown setting "port"'),
        ("[connectors.erp]", "[connectors.Erp]", 'line 6, field connectors.Erp: "Erp" cannot be a name here'),
        ('plugin = "lake"', "", "plugin is missing"),
        ('plugin = "lake"', 'plugin = "laek"', "line 7, field connectors.erp.plugin: there is no connector 'laek'"),
        ('host = "erp.example.org"', "", "host is missing → Where the ERP answers (for example erp.example.org)"),
        ('host = "erp', 'hots = "erp', 'field connectors.erp.hots: unknown setting "hots" → did you mean "host"?'),
        ('host = "erp.example.org"', 'host = { env = "H" }', "field connectors.erp.host: host is no secret"),
        (
            '{ env = "LAKE_TOKEN" }',
            '"oops"',
            "token is a secret, and secrets do not stand in this file → write token =",
        ),
        ('{ env = "LAKE_TOKEN" }', '{ envv = "X" }', "token is a secret, and secrets do not stand in this file"),
        ('"LAKE_TOKEN"', '"NO_SUCH"', "line 9, field connectors.erp.token: the environment has no NO_SUCH"),
        ('env = "LAKE_TOKEN"', 'file = "no/such"', "no/such cannot be read: No such file"),
        (
            "[feeds.ledger]",
            "[connectors.erp.network]\nmax_bytes = 0\n[feeds.ledger]",
            "network.max_bytes: Input should be",
        ),
        (
            'connector = "erp"\nstream = "ledger',
            'connector = "epr"\nstream = "ledger',
            'no connector "epr" → did you mean "erp"?',
        ),
        (
            'stream = "ledger_entries"',
            'stream = "ledger"',
            "feed ledger, les-lilas.toml, line 13, field stream: Input should be",
        ),
        ('mode = "delta"', 'mode = "full"', "line 14, field mode: Input should be 'snapshot', 'delta' or 'window'"),
        ('"daily 04:30"', '"daily 4h"', 'line 15, field schedule: "daily 4h" is no schedule → write "daily 04:30"'),
        ('table = "ECR"', "", "table is missing → The table to read (for example CONTRACTS)"),
        (
            'table = "ECR"',
            'table = "ECR"\npage = 0',
            "field page: Input should be greater than or equal to 1 → Rows a page",
        ),
        ('stream = "sites"', 'stream = "documents"', "field stream: lake does not pull documents, because"),
        (
            'stream = "sites"\n',
            'stream = "sites"\nmode = "delta"\n',
            "field mode: lake does not pull sites as delta, because",
        ),
        (
            'fields = { external_id = "CODE", name = "LIB" }',
            "",
            "feed sites, les-lilas.toml, line 26: lake needs a mapping",
        ),
        ('plugin = "lake"', 'plugin = "pond"', "field fields: pond maps by itself → remove fields"),
        ('label = "LIB"', 'labl = "LIB"', "line 24, field labl: ledger_entries has no field 'labl'"),
        ('LOC = "rent"', 'LOC = "loyer"', 'line 23, field kind: "loyer" is no kind the hub knows'),
        ('in = ["A"]', 'among = ["A"]', "field keep: unknown option"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_to_do(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in LANDLORD
    found = problems(tmp_path, LANDLORD.replace(old, new, 1))
    assert [problem for problem in found if said in problem], found


def test_everything_wrong_is_told_at_once_in_the_files_order(tmp_path: Path) -> None:
    text = LANDLORD.replace("Europe/Paris", "Mars/Base").replace('"lake"', '"laek"').replace("daily 04:30", "now")
    text = text.replace('name = "LIB" }', 'nom = "LIB" }')
    with pytest.raises(LandlordFileError) as caught:
        config(tmp_path, text)
    found = caught.value.problems
    assert [problem.where.line for problem in found] == [4, 7, 15, 31, 31]
    assert [type(problem) for problem in found] == [
        SettingsError,
        SettingsError,
        SettingsError,
        MappingError,
        MappingError,
    ]
    head, *told = str(caught.value).splitlines()
    assert head.endswith("(les-lilas): 5 things are wrong")
    lines = [line for line in told if not line.startswith("      → ")]
    for problem, line in zip(found, lines, strict=True):
        assert f"line {problem.where.line}" in line
        assert line.endswith(problem.message)
    assert all(problem.where.landlord == "les-lilas" for problem in found)


def test_two_feeds_of_one_stream_are_refused_when_one_is_a_snapshot(tmp_path: Path) -> None:
    more = LANDLORD[LANDLORD.index("[feeds.sites]") :].replace("[feeds.sites]", "[feeds.sites2]")
    (problem,) = problems(tmp_path, LANDLORD + more)
    assert "feed sites2" in problem
    assert "sites brings sites of erp already" in problem


def test_a_preview_needs_no_secret(tmp_path: Path) -> None:
    landlord = config(tmp_path, environ={}, need_secrets=False)
    assert not landlord.secrets
    assert landlord.secret_names == {("erp", "token")}
    assert landlord.build_feed("ledger").mapper is not None


def test_a_secret_written_out_is_not_repeated_by_any_message(tmp_path: Path) -> None:
    text = LANDLORD.replace('{ env = "LAKE_TOKEN" }', '"hunter2"').replace('host = "erp.example.org"', "host = 3")
    assert "hunter2" not in "\n".join(problems(tmp_path, text))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[landlord\nslug = 1", "line 1: no TOML"),
        (b"[landlord]\nname = 'caf\xe9'", "line 2: the file is not UTF-8"),
        (b"", "[landlord] is missing"),
        (b"connectors = 3\ncontact_points = 3\n[feeds]\nx = 1", "connectors is no table"),
    ],
)
def test_a_file_that_is_no_landlords_says_so(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    with pytest.raises(LandlordFileError) as caught:
        LandlordFile.load(path)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(LandlordFileError, match="cannot be read: No such file"):
        LandlordFile.load(tmp_path / "none.toml")


PACED = LANDLORD.replace(
    'plugin = "lake"\n', 'plugin = "lake"\nmaintenance = ["sun 02:00-06:00"]\nmax_at_once = 2\n', 1
)


def paced(folder: Path, landlord: str = "", feed: str = "") -> LandlordConfig:
    text = PACED.replace('time_zone = "Europe/Paris"\n', f'time_zone = "Europe/Paris"\n{landlord}\n', 1)
    return config(folder, text.replace('stream = "ledger_entries"\n', f'stream = "ledger_entries"\n{feed}\n', 1))


def test_a_feeds_plan_keeps_out_of_its_landlords_its_own_and_its_erps_closed_hours(tmp_path: Path) -> None:
    made = paced(tmp_path, 'quiet = ["22:00-04:00"]', 'quiet = ["weekdays 08:00-18:00"]\njitter = "5 minutes"')
    schedule = made.feed("ledger").schedule.text
    closed = "not daily 22:00-04:00, not sun 02:00-06:00, not weekdays 08:00-18:00"
    assert made.plan(made.feed("ledger")).text == f"{schedule}, jitter 300 seconds, {closed}"
    assert made.connectors["erp"].pace.max_at_once == 2
    again = LandlordConfig.from_json(made.to_json(), Shelf())
    assert [again.plan(feed) for feed in again.feeds] == [made.plan(feed) for feed in made.feeds]
    assert "maintenance" not in made.connectors["erp"].settings
    assert made.feed("ledger").mapping_version == config(tmp_path).feed("ledger").mapping_version


@pytest.mark.parametrize(
    ("landlord", "feed", "said"),
    [
        ('quiet = ["22-4"]', "", "weekdays 08:00-18:00"),
        ("", 'quiet = ["sometimes"]', "is no window"),
        ("", 'jitter = "a while"', "5 minutes"),
        ("", 'jitter = "7 hours"', "six hours"),
        ('quiet = ["00:00-12:00"]', 'quiet = ["12:00-24:00"]', "leave no time to begin"),
    ],
)
def test_hours_that_cannot_be_kept_are_told(tmp_path: Path, landlord: str, feed: str, said: str) -> None:
    with pytest.raises(LandlordFileError, match=said):
        paced(tmp_path, landlord, feed)
