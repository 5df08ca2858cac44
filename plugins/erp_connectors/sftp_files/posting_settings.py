"""What a landlord writes about payment files (*fichiers d'encaissements*): `[connectors.erp.posting]`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from erp_connectors.posting_values import OF_A_BATCH, OF_A_POSTING, check_methods, check_templates
from erp_connectors.sftp_files.parts import Companion, Encoding, Part, Pattern, Quote
from erp_connectors.sftp_files.patterns import unfinished
from hub.ports import setting

OF_THE_WHOLE = (*OF_A_BATCH, "rows", "total", "net", "file")
"""What a trailer or a control file may hold; `total`: of all amounts, `net`: less what is taken back."""
Methods = Annotated[dict[str, str], AfterValidator(check_methods)]


class Column(Part):
    """One column of the file, filled from a template; without a placeholder it is the same in every line."""

    name: str = setting("What the header calls it", example="REF_PAIEMENT")
    value: str = setting("What stands in it", example="{reference}")


class ControlFile(Part):
    """Written after the payment file, for ERPs that take nothing without it."""

    file: Companion = setting("Its place, from the payment file's", example="{stem}.ctl")
    lines: tuple[str, ...] = setting(
        "Its lines", default=(), example=["FICHIER={file}", "LIGNES={rows}", "TOTAL={total:,}"]
    )


class Answers(Part):
    """The files in which the ERP says what became of a payment file (*acquittements*)."""

    files: Pattern = setting(
        "Folder and name; {seq} is the number of the file it answers", example="encaissements/retours/ACQ_{seq}.csv"
    )
    encoding: Encoding = setting("Its characters", default="utf-8")
    delimiter: str = setting("What stands between two values", default=";", min_length=1, max_length=1)
    quote: Quote = setting("What stands around a value that holds a delimiter", default='"')
    columns: tuple[str, ...] = setting("Its columns, where it has no header", default=())
    reference: str = setting("The column of our reference", example="REF_PAIEMENT")
    outcome: str = setting("The column that says what became of it", example="CODE_RETOUR")
    message: str | None = setting("The column that says why", default=None)
    erp_ref: str | None = setting("The column of the ERP's own id", default=None)
    codes: dict[str, Literal["posted", "retryable", "terminal"]] = setting(
        "What the outcomes mean; any other is a refusal for a person to look at", example={"00": "posted"}
    )

    @model_validator(mode="after")
    def _numbered(self) -> Self:
        if "{seq}" not in self.files:
            raise ValueError("files holds {seq}, the number of the file that is answered: a payment may go out again")
        return self


class FilePosting(Part):
    """How a payment file is named and written. A number written twice is the same file, byte for byte."""

    file: str = setting("Folder and name; it holds {number}", example="encaissements/ENC_{number:06d}_{day:%Y%m%d}.csv")
    columns: tuple[Column, ...] = setting("Its columns, in their order", min_length=1)
    header: bool = setting("Whether the first line names the columns", default=True)
    encoding: Encoding = setting("Its characters", default="utf-8", example="cp1252")
    delimiter: str = setting("What stands between two values", default=";", min_length=1, max_length=1)
    quote: Quote = setting("What stands around a value that holds a delimiter; empty where nothing may", default='"')
    newline: Literal["\n", "\r\n"] = setting("What ends a line", default="\r\n")
    trailer: str | None = setting("A last line of its own", default=None, example="FIN;{rows};{total:,}")
    control: ControlFile | None = setting("A control file beside it", default=None)
    taken: tuple[Companion, ...] = setting(
        "Where the ERP puts a file it has taken", default=(), example=["{folder}/archives/{name}"]
    )
    reversals: bool = setting("Whether payments can be taken back by a line of the file", default=True)
    methods: Methods = setting("The ERP's codes for our means of payment", default={}, example={"payment_card": "CB"})
    kinds: dict[Literal["payment", "reversal"], str] = setting(
        "Its codes for {kind}", default={}, example={"payment": "C", "reversal": "D"}
    )
    reasons: dict[str, str] = setting("Its codes for why a payment is taken back", default={})
    answers: Answers | None = setting("Where it says what became of them; without it a delivery is all", default=None)

    @model_validator(mode="after")
    def _templates_known(self) -> Self:
        folder, _, name = self.file.rpartition("/")
        if "{number" not in name or "{" in folder or unfinished(name):
            raise ValueError("file holds {number}, in its name only, and does not look unfinished")
        check_templates(self.file, OF_A_BATCH)
        check_templates([column.value for column in self.columns], (*OF_A_POSTING, *OF_A_BATCH))
        whole = [*([self.trailer] if self.trailer else []), *(self.control.lines if self.control else ())]
        check_templates(whole, OF_THE_WHOLE)
        return self
