"""The `folder_files` connector: the same files, read from a folder of the machine (or a share mounted there)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import ClassVar

from erp_connectors.sftp_files import checking
from erp_connectors.sftp_files.connector import DroppedFiles
from erp_connectors.sftp_files.settings import FolderSettings
from hub.ports import Feed, Finding
from hub.wire import FolderSession


class FolderFilesConnector(DroppedFiles[FolderSettings]):
    """Files in a folder; every worker must see the same one. Links in it are not followed."""

    name: ClassVar[str] = "folder_files"
    summary: ClassVar[str] = "The same files in a folder of this machine, or a share mounted there"
    settings_model = FolderSettings
    settles_by_its_time = True

    def check(self, feeds: Sequence[Feed]) -> Iterator[Finding]:
        door = [(f"folder {self.settings.folder}", partial(_is_there, self.session()))]
        return checking.check(self, door, feeds)

    def session(self) -> FolderSession:
        """The folder; nothing is opened by asking for it."""
        return FolderSession(self.settings.folder, self.context.network)


def _is_there(session: FolderSession) -> str:
    session.require()
    return "can be read"
