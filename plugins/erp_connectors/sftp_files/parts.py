"""What the settings of feeds and of postings are made of alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from erp_connectors.sftp_files.patterns import FilePattern, check_fill
from hub.errors import SettingsError
from hub.formats import known_encoding
from hub.wire.hostkeys import parse_pin


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Companion = Annotated[str, AfterValidator(check_fill)]
Quote = Annotated[Annotated[str, Field(max_length=1)] | None, BeforeValidator(lambda sign: sign or None)]
Format = Literal["csv", "fixed_width", "xml", "json_lines"]


def _readable(pattern: str) -> str:
    FilePattern(pattern)
    return pattern


def _encoding(name: str) -> str:
    return _accepted(name, known_encoding)


def _host_key(line: str) -> str:
    return _accepted(line, parse_pin)


def _accepted(value: str, judge: Callable[[str], object]) -> str:
    """The value, if its reader takes it: said when the file is applied, not in the night that needs it."""
    try:
        judge(value)
    except SettingsError as error:
        raise ValueError(f"{error.message}: {error.hint}") from None
    return value


Pattern = Annotated[str, AfterValidator(_readable)]
Encoding = Annotated[str, AfterValidator(_encoding)]
PinnedKey = Annotated[str, AfterValidator(_host_key)]
