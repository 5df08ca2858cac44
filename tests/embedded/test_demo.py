"""What the demo prepares and tells, apart from the processes it runs."""

from __future__ import annotations

import shlex
import socket
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hub.cli import demo
from hub.errors import SetupError

ROOT = Path(__file__).parents[2]
WORLD: dict[str, Any] = {
    "soap": {"port": 41001, "wsdl": "http://127.0.0.1:41001/erp/ServiceLocatif?wsdl"},
    "sftp": {"port": 41002, "host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"},
    "lakeside": {
        "port": 41003,
        "wsdl": "http://127.0.0.1:41003/lakeside/webservices/ItfResidentTransactions20.asmx?wsdl",
    },
    "payments": {"port": 41004, "url": "http://127.0.0.1:41004"},
}


def test_the_landlords_files_get_the_sandboxs_addresses_keys_and_secrets(tmp_path: Path) -> None:
    rives, tilleuls, lakeside = demo.write_landlord_files(tmp_path, WORLD, source=ROOT / "landlords")

    soap = tomllib.loads(rives.read_text())["connectors"]["erp"]
    sftp = tomllib.loads(tilleuls.read_text())["connectors"]["erp"]
    assert soap["wsdl"] == WORLD["soap"]["wsdl"]
    assert (rives.parent / soap["password"]["file"]).resolve() == tmp_path / "sandbox" / "secrets" / "rives_password"
    assert (sftp["port"], sftp["host_key"]) == (41002, WORLD["sftp"]["host_key"])
    yardi = tomllib.loads(lakeside.read_text())["connectors"]["erp"]
    licence = (lakeside.parent / yardi["licence"]["file"]).resolve()
    assert (yardi["wsdl"], licence.name) == (WORLD["lakeside"]["wsdl"], "lakeside_licence")
    assert (rives.parent / sftp["private_key"]["file"]).resolve() == tmp_path / "sandbox" / "secrets" / "tilleuls_key"


def test_addresses_of_payment_providers_are_the_sandboxs(tmp_path: Path) -> None:
    source = tmp_path / "landlords"
    source.mkdir()
    for slug in demo.LANDLORDS:
        usual = 'endpoint = "http://127.0.0.1:8774/api-payment"\nkey = "../.housing-hub/sandbox/secrets/pay_x"\n'
        (source / f"{slug}.toml").write_text(usual)
    path = demo.write_landlord_files(tmp_path, WORLD, source=source)[0]
    told = tomllib.loads(path.read_text())
    assert told == {"endpoint": "http://127.0.0.1:41004/api-payment", "key": "../sandbox/secrets/pay_x"}


def test_a_restart_leaves_files_alone_that_were_applied_unless_the_sandbox_moved(tmp_path: Path) -> None:
    def start(world: dict[str, Any]) -> list[str]:
        return [path.stem for path in demo.write_landlord_files(tmp_path, world, source=ROOT / "landlords")]

    assert start(WORLD) == list(demo.LANDLORDS)
    assert start(WORLD) == list(demo.LANDLORDS)  # written, but never said to be applied
    demo.note_written(tmp_path)
    edited = tmp_path / "landlords" / "cite-des-tilleuls.toml"
    edited.write_text("# the operator's own\n" + edited.read_text())

    assert start(WORLD) == []
    assert edited.read_text().startswith("# the operator's own")

    assert start(WORLD | {"sftp": WORLD["sftp"] | {"port": 41009}}) == ["cite-des-tilleuls"]
    assert tomllib.loads(edited.read_text())["connectors"]["erp"]["port"] == 41009


def test_outside_the_project_the_demo_says_where_to_run_it(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"rives-doise\.toml") as refused:
        demo.write_landlord_files(tmp_path, WORLD, source=tmp_path / "nowhere")
    assert "project's folder" in refused.value.hint


def test_the_sandbox_keeps_its_ports_and_leaves_taken_ones() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as probe:
        port, other = taken.getsockname()[1], probe.getsockname()[1]
        probe.close()
        state = {"soap": {"port": other}, "sftp": {"port": port}}

        ports = demo.sandbox_ports(state)

    assert ports["soap"] == other
    assert port not in ports.values()
    assert len(set(ports.values())) == len(ports) == 4


def test_a_sandbox_state_cut_in_the_middle_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"soap": {"po')
    assert demo.read_state(tmp_path) == {}


def test_the_command_told_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    usual = demo.command_line(ROOT / ".housing-hub")
    assert Path(*shlex.split(usual)).samefile(Path(sys.executable).with_name("housing-hub"))

    elsewhere = shlex.split(demo.command_line(tmp_path / "my data"))
    assert elsewhere == [f"HOUSING_HUB_DATA_DIR={tmp_path}/my data", *shlex.split(usual)]
