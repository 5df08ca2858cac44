"""Reads hostile documents one after the other, and says of each what came of it, how long it took, how much memory."""

from __future__ import annotations

import ctypes
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import zeep
from lxml import etree

from hub.errors import HubError
from hub.formats import read_xml
from hub.wire import ByteStream, HttpSession, NetworkPolicy, SoapClient, VendoredWsdl, vendor_wsdl

POLICY = NetworkPolicy(
    private_hosts=frozenset({"127.0.0.1"}), allow_http=True, total_seconds=30, connect_seconds=5, read_seconds=10
)


class Guarded:
    """The hub's own doors."""

    def __init__(self, own: str, folder: Path) -> None:
        self._own, self._folder = own, folder
        self._session = HttpSession(POLICY)
        self._good = vendor_wsdl(f"{own}/good?wsdl", folder / "good", self._session)
        self.reply(f"{own}/good-reply")

    def reply(self, url: str) -> str:
        """An operation is called, its reply read for rows."""
        with SoapClient(self._good, self._session, address=url).call("Op") as reply:
            return _rows(reply, "reply")

    def file(self, url: str) -> str:
        """A file on disk is read for rows."""
        path = self._folder / "file.xml"
        with self._session.request("GET", url) as response, path.open("wb") as sink:
            shutil.copyfileobj(response.stream(), sink)
        with path.open("rb") as file:
            return _rows(file, "file")

    def wsdl(self, url: str) -> str:
        """A service description is taken in, its operations listed, one called at the address it names."""
        folder = self._folder / "vendored"
        shutil.rmtree(folder, ignore_errors=True)
        soap = SoapClient(VendoredWsdl.open(vendor_wsdl(url, folder, self._session).folder), self._session)
        operations = soap.operations()
        with soap.call("Op") as reply:
            reply.read()
        return ", ".join(operations)


class Naive:
    """What the same libraries do when nobody tells them not to."""

    def __init__(self, own: str, folder: Path) -> None:
        del own, folder
        self._parser = etree.XMLParser(resolve_entities=True, load_dtd=True, no_network=False, attribute_defaults=True)

    def reply(self, url: str) -> str:
        import requests

        root = etree.fromstring(requests.get(url, timeout=5).content, self._parser)
        root.getroottree().xinclude()
        return "read"

    file = reply

    def wsdl(self, url: str) -> str:
        from zeep.transports import Transport

        client: Any = zeep.Client(url, transport=Transport(timeout=5, operation_timeout=5))
        client.service.Op()
        return "called"


def _rows(stream: ByteStream, file: str) -> str:
    return f"{sum(len(rows.table) for rows in read_xml(stream, 'ligne', ['.', '@a'], file=file))} rows"


def memory(name: str) -> float:
    """`VmRSS` or `VmHWM` of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def attempt(doors: Guarded | Naive, door: str, url: str) -> dict[str, Any]:
    """What came of one document, how long it took, and how far memory rose above where it stood."""
    ctypes.CDLL(None).malloc_trim(0)  # what earlier documents took is given back, or it would hide what this one takes
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    idle, started, worked = memory("VmRSS"), time.perf_counter(), time.process_time()
    try:
        outcome, refused = getattr(doors, door)(url), ""
    except HubError as error:
        outcome, refused = f"{error.code}: {error.message}"[:200], error.code
    except Exception as error:  # what must not happen is told like the rest, by its name
        outcome, refused = f"{type(error).__module__}.{type(error).__name__}: {error}"[:200], "UNEXPECTED"
    took = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - worked}
    return {"outcome": outcome, "refused": refused, **took, "mb": memory("VmHWM") - idle}


def main() -> None:
    kind, own, folder = sys.argv[1:4]
    doors = {"guarded": Guarded, "naive": Naive}[kind](own, Path(folder))
    for line in sys.stdin:
        name, door = line.split()
        sys.stdout.write(
            json.dumps({"name": name, "door": door, **attempt(doors, door, f"{own}/{name}/{door}")}) + "\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
