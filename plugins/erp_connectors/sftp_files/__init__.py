"""ERPs that drop files on an SFTP server or in a folder: CSV, fixed width, XML, JSON lines, PDF bundles."""

from __future__ import annotations

from typing import Any

from erp_connectors.sftp_files.connector import SftpFilesConnector
from erp_connectors.sftp_files.folder import FolderFilesConnector
from hub.hookspecs import hookimpl
from hub.ports import ErpConnector

HUB_API = (1, 0)


@hookimpl
def register_erp_connectors() -> list[type[ErpConnector[Any]]]:
    """This plugin brings two connectors: they differ in where the files lie."""
    return [SftpFilesConnector, FolderFilesConnector]
