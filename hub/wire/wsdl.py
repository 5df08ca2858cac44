"""WSDLs fetched once, at set-up: stored beside the landlord's files, pinned by hash, never fetched in production."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypedDict
from urllib.parse import urljoin, urlsplit

from lxml import etree

from hub.errors import ForbiddenError, InputRefusedError, MisconfiguredError
from hub.wire.deadline import Deadline
from hub.wire.http import HttpSession
from hub.wire.limited import CHUNK, too_large
from hub.wire.policy import check_url
from hub.wire.xml import local_name, parse_small

LOCK = "wsdl.lock.json"
MAIN = "service.wsdl"
_MAX_FILES = 200
_MAX_BYTES = 16 * 1024**2
_MAX_EXPANDED = 20_000
_WSDL = "http://schemas.xmlsoap.org/wsdl/"
_SOAP = "http://schemas.xmlsoap.org/wsdl/soap/"
_XSD = "http://www.w3.org/2001/XMLSchema"
_GROUP = f"{{{_XSD}}}group"
_POINTERS = {
    "import": ("location", "schemaLocation"),
    "include": ("schemaLocation",),
    "redefine": ("schemaLocation",),
    "override": ("schemaLocation",),
}


@dataclass(frozen=True, slots=True)
class VendoredWsdl:
    """A WSDL and its schemas, read from a folder and checked against their hashes.

    `url`: where they were fetched; `files`: name → sha256; `digest`: one sha256 over all, to show and compare;
    `contents`: name → bytes, those that were hashed (so nothing can change between the check and the use).
    """

    folder: Path
    url: str
    files: dict[str, str]
    contents: dict[str, bytes] = field(repr=False)

    @property
    def main(self) -> Path:
        return self.folder / MAIN

    @property
    def digest(self) -> str:
        return _sha256("".join(f"{name} {self.files[name]}\n" for name in sorted(self.files)).encode())

    @classmethod
    def open(cls, folder: Path) -> VendoredWsdl:
        """Raises MisconfiguredError when the lock is missing or a file is not what it was at set-up."""
        folder = folder.resolve()
        lock = _read_lock(folder)
        contents = {name: _read_pinned(folder / name, expected) for name, expected in lock["files"].items()}
        return cls(folder, lock["url"], lock["files"], contents)

    @classmethod
    def shipped(cls, folder: Path, url: str) -> VendoredWsdl:
        """A WSDL (`service.wsdl`) and schemas that came inside a package: as good as the package. `url`: the service
        they describe."""
        folder = folder.resolve()
        names = sorted(path.name for path in folder.iterdir() if path.suffix in (".wsdl", ".xsd"))
        contents = {name: (folder / name).read_bytes() for name in names}
        return cls(folder, url, {name: _sha256(content) for name, content in contents.items()}, contents)


def vendor_wsdl(url: str, folder: Path, session: HttpSession) -> VendoredWsdl:
    """Fetches a WSDL with all it imports and includes into `folder`, locations made relative, with `wsdl.lock.json`.

    Everything must come from the WSDL's own scheme, host and port: ForbiddenError names a location that points
    elsewhere, has another scheme (`file:`) or a document type, InputRefusedError one that is too large or whose groups
    multiply. The policy's total time holds for all documents together. A WSDL without any binding gets a
    document/literal one per port type. Fetched whole before a byte is written; the lock comes last.
    """
    fetched = _Fetch(url, session)
    fetched.everything()
    folder.mkdir(parents=True, exist_ok=True)
    contents = fetched.contents()
    for name, content in contents.items():
        _write(folder / name, content)
    lock = {"url": _without_query(url), "main": MAIN, "files": {name: _sha256(data) for name, data in contents.items()}}
    _write(folder / LOCK, json.dumps(lock, indent=2, sort_keys=True).encode() + b"\n")
    return VendoredWsdl.open(folder)


class _Lock(TypedDict):
    url: str
    main: str
    files: dict[str, str]


class _Fetch:
    """Walks the imports breadth first; a document already seen keeps its name."""

    def __init__(self, url: str, session: HttpSession) -> None:
        self._session = session
        self._origin = check_url(url, session.policy).origin
        self._names = {url: MAIN}
        self._documents: dict[str, etree._Element] = {}
        self._bytes = 0
        self._deadline = Deadline(session.policy.total_seconds)

    def everything(self) -> None:
        while waiting := [url for url in self._names if url not in self._documents]:
            for url in waiting:
                root = self._get(url)
                self._documents[url] = root
                for element in root.iter(etree.Element):
                    self._follow(element, url)
        _refuse_multiplying(list(self._documents.values()))
        _add_missing_bindings(list(self._documents.values()))

    def contents(self) -> dict[str, bytes]:
        return {
            self._names[url]: etree.tostring(root, xml_declaration=True, encoding="utf-8")
            for url, root in self._documents.items()
        }

    def _get(self, url: str) -> etree._Element:
        content = self._fetch(url)
        try:
            return parse_small(content, what=f"the document {_shown(url)}")
        except InputRefusedError as error:
            if "DOCTYPE" in error.message:
                raise ForbiddenError(error.message, hint=error.hint) from None
            raise

    def _fetch(self, url: str) -> bytes:
        """Read piece by piece: a packed bomb is stopped at the limit, not after it."""
        content = bytearray()
        with self._session.request("GET", url, deadline=self._deadline) as response:
            while data := response.stream().read(CHUNK):
                content += data
                self._bytes += len(data)
                if self._bytes > _MAX_BYTES:
                    raise too_large("the WSDL with its schemas", _MAX_BYTES)
        return bytes(content)

    def _follow(self, element: etree._Element, base: str) -> None:
        for attribute in _POINTERS.get(local_name(element), ()):
            location = element.get(attribute)
            if location:
                element.set(attribute, self._name_of(self._checked(location, base)))

    def _checked(self, location: str, base: str) -> str:
        url = urljoin(base, location)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or check_url(url, self._session.policy).origin != self._origin:
            raise ForbiddenError(
                f"the document {_shown(base)} points elsewhere: {_shown(location)}",
                hint=f"everything must come from {self._origin}; ask the vendor for a self-contained WSDL",
            )
        return url

    def _name_of(self, url: str) -> str:
        if url not in self._names:
            if len(self._names) >= _MAX_FILES:
                raise InputRefusedError(f"the WSDL consists of more than {_MAX_FILES} documents")
            suffix = ".wsdl" if "wsdl" in url.lower().rpartition("/")[2] and "xsd" not in url.lower() else ".xsd"
            self._names[url] = f"part-{len(self._names)}{suffix}"
        return self._names[url]


def _refuse_multiplying(documents: list[etree._Element]) -> None:
    """A group that holds another twice, thirty times over, stands for a billion fields: whoever lists them hangs."""
    named = [group for root in documents for group in root.iter(_GROUP) if group.get("name")]
    groups = {group.get("name", ""): group for group in named}
    sizes: dict[str, int] = {}

    def size(name: str, above: tuple[str, ...]) -> int:
        if name in above or len(above) > _MAX_FILES:
            return _MAX_EXPANDED + 1
        if name not in sizes and name in groups:
            own = sum(1 for _ in groups[name].iter(f"{{{_XSD}}}element"))
            inner = [group.get("ref", "").rpartition(":")[2] for group in groups[name].iter(_GROUP)]
            sizes[name] = own + sum(size(one, (*above, name)) for one in inner if one)
        return sizes.get(name, 0)

    if wrong := next((name for name in groups if size(name, ()) > _MAX_EXPANDED), None):
        raise InputRefusedError(
            f"the WSDL's group {wrong[:80]} stands for more than {_MAX_EXPANDED:,} fields, or for itself",
            hint="ask the vendor for a WSDL that other clients can read",
        )


def _add_missing_bindings(documents: list[etree._Element]) -> None:
    """Some vendors publish port types alone; zeep then offers no operation. The address comes from the settings."""
    if any(next(root.iter(f"{{{_WSDL}}}binding"), None) is not None for root in documents):
        return
    for root in documents:
        for port_type in list(root.iter(f"{{{_WSDL}}}portType")):
            root.append(_binding_for(port_type, root.get("targetNamespace", ""), root.nsmap))


def _binding_for(port_type: etree._Element, namespace: str, known: Mapping[str | None, str]) -> etree._Element:
    name = port_type.get("name", "")
    # The document's own prefix where it has one: a second prefix for the same namespace is dropped on appending.
    prefix = next((prefix for prefix, uri in known.items() if uri == namespace), "hubtns")
    attributes = {"name": f"{name}Binding", "type": f"{prefix}:{name}" if prefix else name}
    binding = etree.Element(f"{{{_WSDL}}}binding", attributes, {"hubtns": namespace})
    etree.SubElement(
        binding, f"{{{_SOAP}}}binding", {"style": "document", "transport": "http://schemas.xmlsoap.org/soap/http"}
    )
    for declared in port_type.iterchildren(f"{{{_WSDL}}}operation"):
        operation = etree.SubElement(binding, f"{{{_WSDL}}}operation", {"name": declared.get("name", "")})
        action = f"{namespace.rstrip('/')}/{declared.get('name', '')}"
        etree.SubElement(operation, f"{{{_SOAP}}}operation", {"soapAction": action})
        for part in ("input", "output"):
            if declared.find(f"{{{_WSDL}}}{part}") is not None:
                body = etree.SubElement(operation, f"{{{_WSDL}}}{part}")
                etree.SubElement(body, f"{{{_SOAP}}}body", {"use": "literal"})
    return binding


def _read_lock(folder: Path) -> _Lock:
    try:
        lock = json.loads((folder / LOCK).read_text("utf-8"))
        plain = all(PurePosixPath(name).name == name for name in lock["files"])
        if plain and lock["main"] in lock["files"] and isinstance(lock["url"], str):
            return lock  # type: ignore[no-any-return]
    except FileNotFoundError:
        raise MisconfiguredError(
            f"the folder {folder.name} holds no vendored WSDL", hint="run housing-hub check, which fetches it once"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise MisconfiguredError(f"{folder.name}/{LOCK} cannot be read", hint="run housing-hub check to fetch it anew")


def _read_pinned(path: Path, expected: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError:
        content = b""
    if (found := _sha256(content)) != expected:
        raise MisconfiguredError(
            f"{path.name} is not the file that was vendored (sha256 {found[:16]}…, expected {expected[:16]}…)",
            hint="run housing-hub check and compare",
        )
    return content


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _without_query(url: str) -> str:
    """A query may hold a key; `?wsdl` alone is how SOAP servers name theirs."""
    parts = urlsplit(url)
    return parts._replace(query=parts.query if parts.query.lower() in ("wsdl", "singlewsdl") else "").geturl()


def _shown(location: str) -> str:
    return _without_query(location)[:200]
