"""Each problem that stays is told once, and taken back once; what could not be told stays due."""

from __future__ import annotations

import pytest

from ingestor.api.status import Problem
from ingestor.notification.notices import HOLD_SECONDS, Notice, Notices

AWAY = Problem(code="no_answer", detail="no answer from InfluxDB")
REFUSED = Problem(code="http_401", detail="the token is wrong")
LATER = HOLD_SECONDS

Step = tuple[float, Problem | None, str | None]
"""When, the problem of the part then, and the code that is due: empty to dismiss, none for nothing."""


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([(0, None, ""), (5, None, None)], id="what an earlier process told is dismissed once"),
        pytest.param([(0, AWAY, None), (59, AWAY, None), (60, AWAY, "no_answer"), (999, AWAY, None)], id="told once"),
        pytest.param([(0, None, ""), (5, AWAY, None), (30, None, None), (65, AWAY, None)], id="what passes"),
        pytest.param(
            [(0, AWAY, None), (60, AWAY, "no_answer"), (65, None, ""), (70, AWAY, None), (130, AWAY, "no_answer")],
            id="gone and come back",
        ),
        pytest.param([(0, AWAY, None), (60, AWAY, "no_answer"), (61, REFUSED, "http_401")], id="another reason"),
    ],
)
def test_a_problem_that_stays_is_told_once_and_taken_back_once(steps: list[Step]) -> None:
    notices = Notices()
    for now, problem, expected in steps:
        due = notices.due(["database"], {} if problem is None else {"database": problem}, now)
        assert [notice.code for notice in due] == ([] if expected is None else [expected]), now
        for notice in due:
            notices.told(notice)


def test_what_was_not_told_stays_due() -> None:
    notices = Notices()
    notices.due(["database"], {"database": AWAY}, 0)
    for now in (60.0, 120.0):
        due = notices.due(["database"], {"database": AWAY}, now)
        assert due == [Notice(part="database", code="no_answer", detail=AWAY.detail)]
