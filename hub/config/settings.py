"""The installation's settings, from the environment: `HOUSING_HUB_…`."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from hub.errors import SettingsError

PREFIX = "HOUSING_HUB_"
BUILT_IN = ("soap", "sftp_files", "dummy", "lyra", "payfip", "offline", "systempay_form", "stripe")
"""The plugins that come with the hub."""
Profile = Literal["developer", "production"]


class Settings(BaseSettings):
    """Typed settings. Raises SettingsError, naming the variable, when one is wrong; URLs and keys never show in a repr.

    Without `database_url` and `broker_url`, `housing-hub up` starts its own servers under `data_dir`.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True)

    database_url: str | None = Field(default=None, repr=False)
    broker_url: str | None = Field(default=None, repr=False)
    data_dir: Path = Path(".housing-hub")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    profile: Profile = "production"
    plugins: Annotated[tuple[str, ...], NoDecode] = BUILT_IN
    master_key: SecretStr | None = Field(default=None, repr=False)
    master_key_file: Path | None = None
    blob_url: str = Field(default_factory=lambda given: _own_blobs(given["data_dir"]), repr=False)
    public_url: str = Field(default_factory=lambda given: _own_url(given["host"], given["port"]))
    smtp_url: SecretStr | None = None
    mail_from: str = Field(default="housing-hub@localhost", pattern=r"^[^@\s<>,;\"]+@[A-Za-z0-9.-]+$")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    def __init__(self, **given: Any) -> None:
        """Settings from the environment, with what is given here before them."""
        _refuse_misspelt(type(self).model_fields)
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise _wrong(error) from None

    @field_validator("plugins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    def load_master_key(self) -> bytes:
        """The 32 bytes that wrap every landlord's data key: given, from their file, or `data_dir`/master.key.

        That last file is made on first use, unless a database is named: several machines must share one key.
        Raises SetupError.
        """
        from hub.store.vault import decode_master_key, load_master_key, load_or_create_master_key

        own = self.data_dir / "master.key"
        if self.master_key is not None:
            return decode_master_key(self.master_key.get_secret_value())
        if self.master_key_file is not None:
            return load_master_key(self.master_key_file)
        if self.database_url is None:
            return load_or_create_master_key(own)
        if own.exists():
            return load_master_key(own)
        raise SettingsError(
            "there is no master key",
            hint=f"on every machine, set {PREFIX}MASTER_KEY_FILE to a file made by `openssl rand -base64 32`",
        )


def _own_blobs(data_dir: Path) -> str:
    return f"file://{(data_dir / 'blobs').absolute()}"


def _own_url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _refuse_misspelt(known: Any) -> None:
    """A variable that all but has a setting's name would be ignored silently. Others with the prefix are not ours."""
    names = [f"{PREFIX}{name.upper()}" for name in known]
    for variable in os.environ:
        near = get_close_matches(variable, names, 1, cutoff=0.92) if variable.startswith(PREFIX) else []
        if near and variable not in names:
            raise SettingsError(f"{variable} is no setting", hint=f"did you mean {near[0]}?")


def _wrong(error: ValidationError) -> SettingsError:
    said = [
        f"{PREFIX}{str(one['loc'][0]).upper()}: {one['msg']}" if one["loc"] else one["msg"]
        for one in error.errors(include_input=False, include_url=False)
        if one["type"] != "default_factory_not_called"
    ]
    return SettingsError("; ".join(said), hint="correct the environment, or the command's option of that name")
