"""Logs: one JSON object a line, and never the text of an exception."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from hub.config.logs import configure_logs


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged while the test runs; the process's own set-up comes back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    root.handlers = []
    configure_logs("INFO", stream=stream)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def _lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_our_own_and_others_loggers_write_the_same_json(log: io.StringIO) -> None:
    structlog.get_logger("hub.jobs").info("job ended", landlord="rives-doise", seconds=0.1)
    logging.getLogger("hub.sync").warning("feed %s is late", "ledger")
    ours, others = _lines(log)
    assert (ours["event"], ours["logger"], ours["level"], ours["landlord"]) == (
        "job ended",
        "hub.jobs",
        "info",
        "rives-doise",
    )
    assert (others["event"], others["logger"], others["level"]) == ("feed ledger is late", "hub.sync", "warning")
    assert ours["timestamp"].endswith("Z")


def test_an_exception_is_told_by_class_and_place_without_its_text(log: io.StringIO) -> None:
    for logger in (structlog.get_logger("hub.jobs"), logging.getLogger("plugin")):
        try:
            raise ValueError("Mme Lefèvre")
        except ValueError:
            logger.exception("row refused")
    ours, others = _lines(log)
    for line in (ours, others):
        assert line["error"].startswith("ValueError at ")
        assert "test_logs.py" in line["error"]
    assert "Lefèvre" not in log.getvalue()
    assert "Traceback" not in log.getvalue()


def test_below_the_level_nothing_is_written_and_chatty_libraries_only_warn(log: io.StringIO) -> None:
    structlog.get_logger("hub.jobs").debug("claim")
    logging.getLogger("hub.sync").debug("page 1")
    logging.getLogger("paramiko.transport").info("connected")
    logging.getLogger("celery.worker").warning("consumer: cannot connect")
    assert [line["event"] for line in _lines(log)] == ["consumer: cannot connect"]
