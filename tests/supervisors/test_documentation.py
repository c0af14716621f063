"""Every example of the page runs, and prints what the page says."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import supervisors

PAGE = Path(__file__).parents[2] / "docs" / "supervisors.md"
EXAMPLE = re.compile(r"^```python\n(.*?)^```\n+^```text\n(.*?)^```$", re.DOTALL | re.MULTILINE)
TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = EXAMPLE.findall(TEXT)


@pytest.mark.parametrize(("code", "output"), EXAMPLES, ids=range(1, len(EXAMPLES) + 1))
def test_an_example_prints_what_the_page_says(code: str, output: str) -> None:
    names: dict[str, Any] = {}
    exec(compile(code, PAGE.name, "exec"), names)  # noqa: S102  our own page
    printed = StringIO()
    with redirect_stdout(printed):
        trio.run(names["main"], clock=MockClock(autojump_threshold=0))
    assert printed.getvalue() == output


def test_no_code_of_the_page_goes_untried() -> None:
    assert len(EXAMPLES) == TEXT.count("```python\n") > 0


def test_the_page_names_all_that_the_package_offers() -> None:
    assert [name for name in supervisors.__all__ if name not in TEXT] == []
