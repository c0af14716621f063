"""Tables of the command line: readable on 80 columns, whatever is in them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingestor.commands.tables import Row, table

HEADINGS = ("id", "set aside", "code", "entity")
cells = st.tuples(
    st.integers(0, 10**6).map(str), st.just("2026-01-31 12:00:00"), st.text(max_size=14), st.text(max_size=300)
)
rows = st.lists(st.builds(Row, cells, st.lists(st.text(max_size=300), max_size=3).map(tuple)), max_size=5)


def test_a_long_cell_is_folded_and_what_is_below_stands_under_its_row() -> None:
    entity = "sensor.with_a_name_that_is_longer_than_what_is_left_of_a_line"
    message = 'the field "value" holds a string in this bucket already, so a float is refused'
    said = table(HEADINGS, [Row(("7", "2026-01-31 12:00:00", "field_conflict", entity), (message,))], 60)
    assert said.splitlines() == [
        "id  set aside            code            entity",
        "7   2026-01-31 12:00:00  field_conflict  sensor.with_a_name_",
        "                                         that_is_longer_than",
        "                                         _what_is_left_of_a_",
        "                                         line",
        '    the field "value" holds a string in this bucket already,',
        "    so a float is refused",
    ]


def test_an_empty_table_has_its_headings() -> None:
    assert table(HEADINGS, [], 80) == "id  set aside  code  entity"
    assert table(("one",), [Row(("cell",), ("below",))], 80) == "one\ncell\n  below"


def test_nothing_from_outside_moves_the_cursor_of_the_terminal() -> None:
    said = table(("id", "entity"), [Row(("1", "a\x1b[2Jb"), ("c\rd\ne\x07",))], 80)
    assert said == "id  entity\n1   a [2Jb\n    c d e"


@given(rows, st.integers(80, 200))
def test_no_line_is_longer_than_the_terminal_is_wide(given_rows: list[Row], width: int) -> None:
    assert max(map(len, table(HEADINGS, given_rows, width).splitlines())) <= width


@given(rows)
def test_every_word_is_there(given_rows: list[Row]) -> None:
    said = "".join(table(HEADINGS, given_rows, 80).split())
    for row in given_rows:
        for text in (*row.cells, *row.below):
            assert all(word in said for word in _words(text))


def _words(text: str) -> list[str]:
    """Return what of a text is neither folded nor blank."""
    return [word for word in "".join(c if c.isprintable() else " " for c in text).split() if len(word) < 16]
