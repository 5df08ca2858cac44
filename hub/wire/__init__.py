"""The guarded outside world, for plugins and hub alike: deadlines, limits, pinning and address rules live here once."""

from hub.wire.archives import ArchiveLimits, Entry, ZipArchive, open_gzip
from hub.wire.deadline import Deadline, Watchdog
from hub.wire.faults import Fault, SoapReply, classify_fault
from hub.wire.folder import FolderSession
from hub.wire.hostkeys import HostKey
from hub.wire.http import HttpResponse, HttpSession
from hub.wire.identity import ClientIdentity
from hub.wire.inner import InnerXml
from hub.wire.limited import ByteStream, Limited
from hub.wire.policy import NetworkPolicy, Pinned, Target, check_url, resolve
from hub.wire.remote import Fetched, Listing, RemoteFile, other_content
from hub.wire.sftp import SftpSession, fetch_host_key
from hub.wire.soap import BasicAuth, SoapClient, UsernameToken
from hub.wire.wsdl import VendoredWsdl, vendor_wsdl
from hub.wire.xml import iter_elements, local_name, parse_small

__all__ = [
    "ArchiveLimits",
    "BasicAuth",
    "ByteStream",
    "ClientIdentity",
    "Deadline",
    "Entry",
    "Fault",
    "Fetched",
    "FolderSession",
    "HostKey",
    "HttpResponse",
    "HttpSession",
    "InnerXml",
    "Limited",
    "Listing",
    "NetworkPolicy",
    "Pinned",
    "RemoteFile",
    "SftpSession",
    "SoapClient",
    "SoapReply",
    "Target",
    "UsernameToken",
    "VendoredWsdl",
    "Watchdog",
    "ZipArchive",
    "check_url",
    "classify_fault",
    "fetch_host_key",
    "iter_elements",
    "local_name",
    "open_gzip",
    "other_content",
    "parse_small",
    "resolve",
    "vendor_wsdl",
]
