"""Payment files: delivered whole, found again wherever the ERP put them, answered by files of its own."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from posixpath import basename, dirname

from erp_connectors.sftp_files.looks import Place
from erp_connectors.sftp_files.patterns import FilePattern, Found
from erp_connectors.sftp_files.posting_file import content_of, control_content, control_path, path_of
from erp_connectors.sftp_files.posting_settings import Answers, FilePosting
from hub.formats import CsvFormat
from hub.ports import Posting, PostingBatch, PostingResult, State
from hub.records.excerpt import outlined
from hub.wire import other_content

_MAX_BYTES = 16 * 1024**2
_SHOWN = 160
_STATE, _REMEMBERED = "payment_files", 500
NO_REVERSALS = "this ERP takes no payment back by file: posting.reversals = false"


class Files:
    """One connector's payment files. `place`: where they lie."""

    def __init__(self, place: Callable[[], Place], settings: FilePosting, state: State) -> None:
        self._place, self._settings = place, settings
        self._delivered_numbers = _Numbers(state)

    def post(self, batch: PostingBatch) -> list[PostingResult]:
        """The whole batch in one file, its control file after it. A number that lies there with another content is
        refused by the place."""
        refused = {one.reference: self._refused(one) for one in batch.postings if self._cannot(one)}
        left = PostingBatch(batch.number, batch.day, [one for one in batch.postings if one.reference not in refused])
        if left.postings:
            self._deliver(left)
        return [refused.get(one.reference, self._delivered(one)) for one in batch.postings]

    def find(self, batch: PostingBatch) -> list[PostingResult]:
        """The file is looked for before its answer: the ERP moves one, then writes the other."""
        delivered = self._delivered_of(batch)
        told = {one.reference: one for one in self.answers(only=batch.number)}
        results = []
        for posting in batch.postings:
            absent = PostingResult(posting.reference, "absent")
            seen = self._delivered(posting) if posting.reference in delivered else absent
            results.append(told.get(posting.reference, seen))
        return results

    def answers(self, *, only: int | None = None) -> Iterator[PostingResult]:
        """What the answer files say, in the order of their numbers."""
        if (answers := self._settings.answers) is None:
            return
        pattern = FilePattern(answers.files)
        found = [match for file in self._place().list(pattern.folder) if (match := pattern.match(file.name))]
        for match in sorted(found, key=lambda one: (int(one.seq), one.path)):
            if only in (None, int(match.seq)):
                yield from self._read(answers, match)

    def folders(self) -> tuple[str, list[str]]:
        """The folder it writes to, and all it reads."""
        folders = [dirname(self._settings.file) or "."]
        folders += [dirname(Found(self._settings.file).fill(taken)) for taken in self._settings.taken]
        if self._settings.answers is not None:
            folders.append(FilePattern(self._settings.answers.files).folder)
        return folders[0], list(dict.fromkeys(folders))

    def _deliver(self, batch: PostingBatch) -> None:
        path = path_of(self._settings, batch)
        content, control = content_of(self._settings, batch), control_content(self._settings, batch)
        if (taken := self._taken(path)) is not None:
            # Numbers that begin anew, after a restored database, meet a file of before.
            if len(self._told_in(taken, batch)) < len(batch.postings):
                raise other_content(path)
        else:
            self._place().put(path, content)
            if (beside := control_path(self._settings, path)) is not None:
                self._place().put(beside, control)
        self._delivered_numbers.add(batch.number)

    def _delivered_of(self, batch: PostingBatch) -> frozenset[str]:
        """The references that stand in the file of this number, where that was put or where the ERP puts what it took.
        A file lacks its control file as long as it is not delivered."""
        path = path_of(self._settings, batch)
        standing = [_is_there(self._place(), name) for name in self._names(path)]
        if all(standing):
            return self._told_in(self._read_whole(path), batch)
        if (taken := self._taken(path)) is not None:
            return self._told_in(taken, batch)
        # Where the ERP deletes what it took, our own word has to do.
        believed = not self._settings.taken and batch.number in self._delivered_numbers
        return self._told_in(b"", batch) if believed else frozenset()

    def _told_in(self, content: bytes, batch: PostingBatch) -> frozenset[str]:
        """The references of a batch that a file tells; all of them where it cannot be looked into."""
        is_told = any("{reference" in column.value for column in self._settings.columns) and content
        return frozenset(
            one.reference
            for one in batch.postings
            if not self._cannot(one) and (not is_told or one.reference.encode() in content)
        )

    def _taken(self, path: str) -> bytes | None:
        """The file as it lies where the ERP puts what it took: one that was taken was whole. Empty where it is packed,
        or gone on already; None where it was not taken."""
        for to in self._settings.taken:
            names = [Found(name).fill(to) for name in self._names(path)]
            if _is_there(self._place(), names[0]):
                return self._read_whole(names[0]) if to.endswith("{name}") else b""
            if any(_is_there(self._place(), name) for name in names):
                return b""
        return None

    def _read_whole(self, path: str) -> bytes:
        content = io.BytesIO()
        self._place().fetch(path, content, max_bytes=_MAX_BYTES)
        return content.getvalue()

    def _names(self, path: str) -> list[str]:
        return [name for name in (path, control_path(self._settings, path)) if name is not None]

    def _read(self, answers: Answers, match: Found) -> Iterator[PostingResult]:
        # A last line without its end may still be written.
        whole = self._read_whole(match.path)
        stream = io.BytesIO(whole[: whole.rfind(b"\n") + 1])
        layout = CsvFormat(answers.delimiter, answers.quote, answers.encoding, answers.columns or True)
        wanted = (answers.reference, answers.outcome, answers.message, answers.erp_ref)
        columns = tuple(dict.fromkeys(name for name in wanted if name))
        for rows in layout.read(stream, file=match.path, columns=columns):
            for row in rows.table.to_pylist():
                if row[answers.reference]:
                    yield _answered(answers, row, int(match.seq))

    def _cannot(self, posting: Posting) -> bool:
        return posting.kind == "reversal" and not self._settings.reversals

    def _refused(self, posting: Posting) -> PostingResult:
        return PostingResult(posting.reference, "refused", code="NO_REVERSALS", message=NO_REVERSALS, terminal=True)

    def _delivered(self, posting: Posting) -> PostingResult:
        """Without answers there is nothing to wait for."""
        return PostingResult(posting.reference, "sent" if self._settings.answers else "posted")


class _Numbers:
    """The numbers of the files that were delivered last, kept across runs."""

    def __init__(self, state: State) -> None:
        self._state = state

    def __contains__(self, number: int) -> bool:
        return number in self._read()

    def add(self, number: int) -> None:
        held = [*(one for one in self._read() if one != number), number]
        self._state.put(_STATE, json.dumps(held[-_REMEMBERED:]))

    def _read(self) -> list[int]:
        held: list[int] = json.loads(self._state.get(_STATE) or "[]")
        return held


def _is_there(place: Place, path: str) -> bool:
    return any(file.name == basename(path) for file in place.list(dirname(path) or "."))


def _answered(answers: Answers, row: Mapping[str, str | None], number: int) -> PostingResult:
    reference, code = (row[answers.reference] or "").strip(), (row[answers.outcome] or "").strip()
    means = answers.codes.get(code)
    if means == "posted":
        erp_ref = (row[answers.erp_ref] or "").strip() if answers.erp_ref else ""
        return PostingResult(reference, "posted", erp_ref, batch=number)
    text = outlined((row[answers.message] or "").strip())[:_SHOWN] if answers.message else ""
    return PostingResult(
        reference, "refused", code=code[:40] or "UNKNOWN", message=text, terminal=means != "retryable", batch=number
    )
