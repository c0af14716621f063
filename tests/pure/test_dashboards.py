"""A dashboard stands on its own, asks for what there is, and answers on one screen."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from grafana.__main__ import DASHBOARDS
from grafana.board import rendered
from grafana.prometheus import narrowed
from grafana.service.runbooks import PAGES
from metrics.facts import CATALOGUE
from tests.pictures.drawing import drawn

ROOT = Path(__file__).parents[2]
SCREEN_ROWS = 24
NOT_SHOWN = {
    "ingestor_frames_received": "their size is in a panel",
    "ingestor_records_dropped": "a panel counts the events among them",
    "ingestor_records_expired": "a panel counts the events among them",
}
every_dashboard = pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)


def board(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def panels(file: Path) -> Iterator[dict[str, Any]]:
    """Yield every panel, those of closed rows too."""
    for panel in board(file)["panels"]:
        yield panel
        yield from panel.get("panels", [])


@every_dashboard
def test_a_dashboard_is_what_its_code_says(file: Path) -> None:
    assert file.read_text() == rendered(DASHBOARDS[file])


@every_dashboard
def test_a_dashboard_stands_on_its_own(file: Path) -> None:
    made = board(file)
    assert re.fullmatch(r"[a-z-]{4,40}", made["uid"])
    assert "id" not in made
    sources = {f"${{{one['name']}}}" for one in made["templating"]["list"] if one["type"] == "datasource"}
    asked = [*panels(file), *made["annotations"].get("list", [])]
    asked += [one for one in made["templating"]["list"] if "datasource" in one]
    asked += [target for panel in panels(file) for target in panel.get("targets", [])]
    assert {one["datasource"]["uid"] for one in asked if "datasource" in one} <= sources


@every_dashboard
def test_every_panel_can_be_told_from_the_others(file: Path) -> None:
    for name in ("id", "title"):
        assert [value for value, times in Counter(panel[name] for panel in panels(file)).items() if times > 1] == []


@every_dashboard
def test_panels_fill_their_rows_and_none_covers_another(file: Path) -> None:
    filled = Counter(
        (x, y)
        for panel in board(file)["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    )
    lowest = max(y for _, y in filled)
    assert filled == {(x, y): 1 for x in range(24) for y in range(lowest + 1)}
    for row in board(file)["panels"]:
        widths: Counter[int] = Counter()
        for panel in row.get("panels", []):
            widths[panel["gridPos"]["y"]] += panel["gridPos"]["w"]
        assert set(widths.values()) <= {24}, row["title"]


def test_one_screen_answers_whether_my_data_is_safe_and_fresh() -> None:
    [file] = [file for file in DASHBOARDS if file.stem == "ingestor"]
    first_row = next(panel for panel in board(file)["panels"] if panel["type"] == "row")
    assert first_row["gridPos"]["y"] <= SCREEN_ROWS
    assert next(panels(file))["title"] == "Is my data safe?"


@every_dashboard
def test_every_link_leads_to_a_heading_of_ours(file: Path) -> None:
    links = set(re.findall(rf"{PAGES}/(\w+\.md)(?:#([\w-]+))?", file.read_text()))
    for page, heading in links:
        headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / page).read_text(), re.MULTILINE)
        assert not heading or heading in {one.lower().replace(" ", "-") for one in headings}, heading


def test_what_is_counted_is_in_a_panel_or_a_rule_or_has_a_reason_not_to_be() -> None:
    asked = "".join(file.read_text() for file in (*DASHBOARDS, ROOT / "metrics/prometheus/rules.yml"))
    unasked = {name for name in CATALOGUE if not re.search(rf"\b{name}(_total|_bucket)?\b", asked)}
    assert unasked == NOT_SHOWN.keys()


@pytest.mark.parametrize(
    ("expr", "asked"),
    [
        ("ingestor_pending_events", 'ingestor_pending_events{instance=~"$instance"}'),
        (
            'rate(ingestor_events_skipped_total{code="x"}[5m])',
            'rate(ingestor_events_skipped_total{instance=~"$instance",home=~"$home",code="x"}[5m])',
        ),
        ('absent(up) or x{state="up"}', 'absent(up{job="ingestor",instance=~"$instance"}) or x{state="up"}'),
    ],
)
def test_an_expression_asks_of_what_was_chosen(expr: str, asked: str) -> None:
    assert narrowed(expr) == asked


def test_an_expression_that_asks_for_a_metric_that_there_is_not_is_no_query() -> None:
    with pytest.raises(KeyError):
        narrowed("ingestor_evnets_lost")


def test_a_picture_has_every_open_panel_and_says_what_was_not_found() -> None:
    [file] = [file for file in DASHBOARDS if file.stem == "ingestor"]
    picture = ET.fromstring(drawn(board(file), {}, "nothing is known"))  # noqa: S314  our own
    told = {text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert {panel["title"] for panel in board(file)["panels"] if panel["type"] != "row"} < told
    assert {"Prometheus has no answer", "Nothing", "not in sight"} < told
