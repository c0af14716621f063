from __future__ import annotations

from tests.documentation.stored_fields import derived, written


def test_the_page_shows_the_fields_and_units_that_the_code_has() -> None:
    assert written() == derived(), "run `make schema`"
