"""Every time of the rules and routes is shortened by the same factor, and nothing else is."""

from __future__ import annotations

import re

import pytest

from tests.servers.alertmanager import DIRECTORY
from tests.servers.prometheus import CONFIGURATION
from tests.servers.windows import shortened, shortened_rules


@pytest.mark.parametrize(
    ("text", "shorter"),
    [
        ("    for: 3m", "    for: 18000ms"),
        ("  group_wait: 0s", "  group_wait: 0ms"),
        ("increase(a[13h]) == 0 and up offset 13h", "increase(a[4680000ms]) == 0 and up offset 4680000ms"),
        ("predict_linear(a[15m], 4 * 3600) > 5 * 60", "predict_linear(a[90000ms], 1440) > 30"),
        ('min_over_time(a{window="1h", le="10.0"}[2m])', 'min_over_time(a{window="1h", le="10.0"}[12000ms])'),
        ("ingestor:written_late:ratio5m > 0.144", "ingestor:written_late:ratio5m > 0.144"),
        ("max_over_time(a[2m]) > 0.5 * b", "max_over_time(a[12000ms]) > 0.5 * b"),
    ],
)  # fmt: skip
def test_a_time_is_shortened_and_a_word_a_name_and_a_share_are_not(text: str, shorter: str) -> None:
    assert shortened(text, 10) == shorter


def test_no_time_of_ours_is_left_as_it_is() -> None:
    rules = (CONFIGURATION / "rules.yml").read_text()
    routes = (DIRECTORY / "routes.yml").read_text()
    for text in (shortened_rules(rules, 7), shortened(routes, 7)):
        assert re.findall(r"(?:\[|offset |for: |interval: |wait: )\d+[smhd]\b|\* (?:60|3600)\b", text) == []
    said = [line for line in rules.split("\n") if re.match(r" +(summary|description): .*\d", line)]
    assert said
    assert set(said) <= set(shortened_rules(rules, 7).split("\n"))
