"""ERPs that drop files on an SFTP server: CSV, fixed width, XML, JSON lines, PDF bundles."""

from __future__ import annotations

from typing import Any

from erp_connectors.sftp_files.connector import SftpFilesConnector
from hub.hookspecs import hookimpl
from hub.ports import ErpConnector

HUB_API = (1, 0)


@hookimpl
def register_erp_connectors() -> list[type[ErpConnector[Any]]]:
    """This plugin brings one connector."""
    return [SftpFilesConnector]
