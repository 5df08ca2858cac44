"""What a landlord writes about an SFTP server or a folder, and the files dropped there."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import SecretStr, field_validator, model_validator

from erp_connectors.sftp_files.parts import Companion, Encoding, Format, Part, Pattern, PinnedKey, Quote
from erp_connectors.sftp_files.posting_settings import FilePosting
from hub.formats.csv_names import folded
from hub.ports import ConnectorSettings, FeedSettings, setting


class DropSettings(ConnectorSettings):
    """What holds wherever files are dropped."""

    archive: Companion | None = setting(
        "Where an applied file is moved, e.g. `{folder}/archives/{name}` or `{folder}/OK_{name}`; without it files "
        "stay and are remembered",
        default=None,
    )
    refused: Companion | None = setting(
        "Where a file refused as a whole is moved, e.g. `{folder}/NOK_{name}`; without it it stays and is read again",
        default=None,
    )
    settle_seconds: int = setting(
        "How long a file without control file keeps its size and time before it counts as finished", default=60, ge=0
    )
    posting: FilePosting | None = setting(
        "How payments are handed to the ERP in files; without it the hub posts none", default=None
    )


class FolderSettings(DropSettings):
    """A folder the hub's own machine can read."""

    folder: Path = setting("The folder, with its whole path", example="/srv/erp-export")
    settle_seconds: int = setting(
        "How long a file without control file is left alone after it was last written", default=10, ge=0
    )

    @field_validator("folder")
    @classmethod
    def _whole(cls, folder: Path) -> Path:
        if not folder.is_absolute():
            raise ValueError("write the whole path: it is read by workers, wherever they were started")
        return folder


class SftpSettings(DropSettings):
    """The server, the login and the pinned host key."""

    host: str = setting("Name or address of the SFTP server", example="sftp.example.org", min_length=1)
    port: int = setting("Its port", default=22, ge=1, le=65535)
    user: str = setting("The user to log in as", example="hub", min_length=1)
    password: SecretStr | None = setting("Password of the user, unless a key is used", default=None)
    private_key: SecretStr | None = setting("Private key of the user in OpenSSH or PEM form", default=None)
    passphrase: SecretStr | None = setting("Passphrase of the private key, if it has one", default=None)
    host_key: PinnedKey | None = setting(
        "The server's key, as `housing-hub check` prints it once for you to compare with your vendor",
        default=None,
        example="ssh-ed25519 AAAA…",
    )
    legacy_host_key: bool = setting(
        "Accept a server that can prove its key with nothing better than SHA-1 (ssh-rsa); the pinned key still counts",
        default=False,
    )
    prefetch: bool = setting("Ask for a file's blocks ahead; some old servers want this off", default=True)

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        if self.password is None and self.private_key is None:
            raise ValueError("give password or private_key")
        return self


class Control(Part):
    """How a control file (*fichier de contrôle*) of `KEY=value` lines is read."""

    count: str | None = setting("The key that holds the number of data lines", default="LIGNES")
    sums: dict[str, str] = setting("Sums it holds: column of the file → key", default={}, example={"DEBIT": "DEBIT"})
    file: str | None = setting("The key that holds the data file's name, if it is to be compared", default=None)
    decimal: Literal[",", "."] = setting("The decimal sign of its sums and of the summed columns", default=",")


class FileFeed(FeedSettings):
    """One kind of file: where it lies, what it is called, how it is written."""

    files: Pattern = setting(
        "Folder and name, with {date:%Y%m%d}, {seq} and *", example="compta/ECR_{date:%Y%m%d}_*.csv"
    )
    control: Companion | None = setting(
        "The control file that says a file is finished and what it holds; {stem} is the file's path without its suffix",
        default=None,
        example="{stem}.ctl",
    )
    control_keys: Control = setting("How the control file is read", default=Control())
    format: Format = setting("How the file is written", default="csv")
    compression: Literal["none", "gzip", "zip"] = setting("How the file is packed", default="none")
    encoding: Encoding = setting("Its characters", default="utf-8", example="cp1252")
    delimiter: str = setting("CSV: what stands between two values", default=";", min_length=1, max_length=1)
    quote: Quote = setting(
        "CSV: what stands around a value that holds a delimiter; empty where nothing does", default='"'
    )
    header: bool = setting("CSV: whether the first line names the columns", default=True)
    columns: tuple[str, ...] = setting("CSV without header: the columns' names in their order", default=())
    aliases: dict[str, tuple[str, ...]] = setting(
        "CSV: other names a column may have in the header; case, accents and signs between words do not matter",
        default={},
        example={"contract_id": ["num_contrat", "bail"]},
    )
    optional: tuple[str, ...] = setting(
        "CSV: columns the file may lack; they then hold nothing", default=(), example=["email"]
    )
    skip_lines: int = setting("Lines before the header or the first row", default=0, ge=0)
    skip_prefixes: tuple[str, ...] = setting("Lines that begin so are no data: comments, trailers", default=())
    short_lines: bool = setting("Fixed width: whether lines end with their last character", default=False)
    positions: dict[str, tuple[int, int]] = setting(
        "Fixed width: first and last character of each column, from 1", default={}, example={"NOM": [15, 54]}
    )
    rows: str | None = setting(
        "XML: the element that is a row, by its path from the one that repeats", default=None, example="Contrat/Lot"
    )
    inside: str | None = setting(
        "XML: the element whose text is itself XML, escaped, in which the rows are", default=None
    )
    without: tuple[str, ...] = setting(
        "XML: elements below which nothing is a row: `before`, the old images of an ADO.NET diffgram", default=()
    )
    bundle: Companion | None = setting(
        "Documents: the zip that holds the files an index names", default=None, example="avis/PDF_{date:%Y%m}.zip"
    )

    @model_validator(mode="after")
    def _as_the_format_needs(self) -> Self:
        if self.format == "fixed_width" and not self.positions:
            raise ValueError("a fixed_width file needs positions: NAME = [first, last]")
        if self.format == "xml" and not self.rows:
            raise ValueError('an xml file needs rows: the path of its row element, e.g. "Contrat"')
        if self.format == "csv" and self.header == bool(self.columns):
            raise ValueError("a csv file has either a header line (header = true) or columns = […] with header = false")
        self._refuse_unclear_names()
        if wrong := [name for name, (first, last) in self.positions.items() if not 1 <= first <= last]:
            raise ValueError(f"positions of {', '.join(wrong)}: first and last count from 1, first is not after last")
        return self

    def _refuse_unclear_names(self) -> None:
        if (self.aliases or self.optional) and not (self.format == "csv" and self.header):
            raise ValueError("aliases and optional are for csv files with a header")
        seen: dict[str, str] = {}
        for column, others in self.aliases.items():
            for name in {folded(one) for one in (column, *others)}:
                if seen.setdefault(name, column) != column:
                    raise ValueError(f"aliases: {name!r} would mean {seen[name]} and {column}")
