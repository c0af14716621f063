from __future__ import annotations

from tests.documentation.supervisors_tree import drawn, written


def test_the_page_shows_the_tree_that_the_code_builds() -> None:
    assert written() == drawn(), "run `make diagram`"
