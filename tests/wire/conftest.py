"""What most of the tests over a wire have: a home, simulated, which a module shares."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.servers.simulated_home import SimHome, simulated_home


@pytest.fixture(scope="module")
def home() -> Generator[SimHome]:
    with simulated_home() as started:
        yield started
