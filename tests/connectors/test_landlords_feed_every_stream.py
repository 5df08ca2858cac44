"""The landlords of the repository feed all their interface gives, and say so where it gives nothing."""

from __future__ import annotations

import pytest

from erp_connectors.sftp_files import SftpFilesConnector
from erp_connectors.soap import SoapConnector
from hub.records import Stream


@pytest.mark.parametrize(
    ("slug", "connector"), [("rives-doise", SoapConnector), ("cite-des-tilleuls", SftpFilesConnector)]
)
def test_every_stream_the_connector_can_pull_has_a_feed(slug, connector, sandbox, bench_of):
    feeds = bench_of(slug, sandbox).feeds
    assert {feed.stream for feed in feeds} == set(connector.capabilities.pull)
    assert all(connector.refusal(feed.stream, feed.mode) is None for feed in feeds)


def test_the_yardi_interface_gives_no_notices_and_feeds_all_else(sandbox, bench_of):
    feeds = bench_of("lakeside-homes", sandbox).feeds
    lacking = set(SoapConnector.capabilities.pull) - {feed.stream for feed in feeds}
    assert lacking == {Stream.RENT_NOTICES, Stream.RENT_NOTICE_LINES}
    assert all(SoapConnector.refusal(feed.stream, feed.mode) is None for feed in feeds)


def test_soap_says_why_it_gives_no_documents():
    refusal = SoapConnector.refusal(Stream.DOCUMENTS, "delta")
    assert "soap does not pull documents, because its interface does not give it" in str(refusal)
