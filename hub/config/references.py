"""Secrets by reference: what a landlord's file names, and where the value is read when the file is applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os.path import normpath
from pathlib import Path as FilePath
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr

from hub.config.lines import Path
from hub.config.problems import is_model, parts_of
from hub.errors import SettingsError

_MAX_SECRET_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Reference:
    """`{ env = "NAME" }` or `{ file = "relative/to/the/landlord/file" }`."""

    kind: str
    name: str

    def read(self, folder: FilePath, environ: Mapping[str, str]) -> SecretStr:
        """The secret, without a trailing newline. Raises SettingsError, which never holds it."""
        text = self._from_file(folder) if self.kind == "file" else environ.get(self.name)
        if text is None:
            raise SettingsError(f"the environment has no {self.name}", hint="set it for the command that applies")
        if not text:
            raise SettingsError(f"the secret in {self.kind} {self.name} is empty", hint="write the secret there")
        return SecretStr(text)

    def _from_file(self, folder: FilePath) -> str:
        path = folder / self.name
        try:
            content = path.read_bytes()[: _MAX_SECRET_BYTES + 1]
            text = content.decode("utf-8").rstrip("\r\n")
        except OSError as error:
            message = f"the file {normpath(path)} cannot be read: {error.strerror}"
            raise SettingsError(message, hint="write the secret into it, or another path here") from None
        except UnicodeDecodeError:
            raise SettingsError(f"the file {path} is no text", hint="a secret is UTF-8 text") from None
        if len(content) > _MAX_SECRET_BYTES:
            raise SettingsError(f"the file {path} is too large for a secret", hint="it has at most 64 kB")
        return text


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A secret written out, or a reference where a plain value belongs."""

    path: Path
    message: str
    hint: str


def reference(value: object) -> Reference | None:
    """The reference a value is, if it is one."""
    if isinstance(value, Mapping) and len(value) == 1:
        (kind, name), *_ = value.items()
        if kind in ("env", "file") and isinstance(name, str) and name:
            return Reference(kind, name)
    return None


def all_references(value: object, path: Path = ()) -> Iterator[tuple[Path, Reference]]:
    """Everything that looks like a reference, wherever it stands."""
    if found := reference(value):
        yield path, found
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from all_references(inner, (*path, str(key)))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from all_references(inner, (*path, place))


def find_secrets(model: type[BaseModel], settings: Mapping[str, Any]) -> tuple[dict[str, Reference], list[Misplaced]]:
    """The references of a connector's secret settings by dotted path, and what is misplaced."""
    found: dict[str, Reference] = {}
    misplaced: list[Misplaced] = []
    for path, value, secret in _leaves(model, settings, ()):
        name, known = ".".join(map(str, path)), reference(value)
        if secret and known:
            found[name] = known
        elif secret:
            hint = f'write {path[-1]} = {{ env = "NAME" }} or {{ file = "path" }}'
            misplaced.append(Misplaced(path, f"{name} is a secret, and secrets do not stand in this file", hint))
        elif known:
            misplaced.append(Misplaced(path, f"{name} is no secret", "write its value here, without reference"))
    return found, misplaced


def fill(settings: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with values put in by dotted path."""

    def filled(value: Any, path: str) -> Any:
        if path in values:
            return values[path]
        if isinstance(value, Mapping):
            return {key: filled(inner, f"{path}.{key}" if path else str(key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [filled(inner, f"{path}.{place}") for place, inner in enumerate(value)]
        return value

    return {key: filled(value, str(key)) for key, value in settings.items()}


def _leaves(annotation: Any, value: Any, path: Path) -> Iterator[tuple[Path, Any, bool]]:
    """The values that stand for themselves, with whether their annotation makes them secrets."""
    if _is_secret(annotation):
        yield path, value, True
        return
    for part in parts_of(annotation):
        if is_model(part) and isinstance(value, Mapping):
            for key, inner in value.items():
                info = part.model_fields.get(key)
                yield from _leaves(info.annotation if info else Any, inner, (*path, key))
            return
        if get_origin(part) is dict and isinstance(value, Mapping):
            for key, inner in value.items():
                yield from _leaves(get_args(part)[1], inner, (*path, key))
            return
        if get_origin(part) in (list, tuple) and isinstance(value, list):
            for place, inner in enumerate(value):
                yield from _leaves(get_args(part)[0], inner, (*path, place))
            return
    if annotation is not Any:
        yield path, value, False


def _is_secret(annotation: Any) -> bool:
    return any(part in (SecretStr, SecretBytes) for part in parts_of(annotation))
