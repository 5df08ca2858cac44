"""Dashboards, alert rules and the operator's table name metrics that exist, and forget none of the feeds'."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from hub.jobs.metrics import JobMetrics
from hub.telling.metrics import FeedMetrics

DOCS = Path(__file__).parents[2] / "docs"
_NAME = re.compile(r"\bhub_[a-z_]+")


def _known(*, of_feeds_only: bool = False) -> set[str]:
    registry = CollectorRegistry()
    FeedMetrics(registry)
    if not of_feeds_only:
        JobMetrics(registry)
    return {
        f"{family.name}{suffix}"
        for family in registry.collect()
        for suffix in {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
    }


@pytest.mark.parametrize("file", ["grafana/housing-hub.json", "alerts/housing-hub.rules.yml"])
def test_every_metric_named_there_exists(file: str) -> None:
    named = set(_NAME.findall((DOCS / file).read_text(encoding="utf-8")))
    assert named
    assert named - _known() == set()


def test_every_metric_of_feeds_is_in_the_operators_table() -> None:
    page = set(_NAME.findall((DOCS / "operations.md").read_text(encoding="utf-8")))
    roots = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in _known(of_feeds_only=True)}
    assert roots - {re.sub(r"_total$", "", name) for name in page} == set()


def test_every_panel_asks_a_question_of_its_own() -> None:
    board = json.loads((DOCS / "grafana/housing-hub.json").read_text(encoding="utf-8"))
    questions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert len(questions) == len(set(questions)) == len(board["panels"])
    assert len({panel["id"] for panel in board["panels"]}) == len(questions)
