"""When to try a home again."""

from __future__ import annotations

from random import Random

from ingestor.model.backoff import Delays
from ingestor.model.errors import CredentialsRefused
from supervisors import Backoff

BACKOFF = Backoff(initial_seconds=0.5, maximum_seconds=30.0, jitter=0.5, healthy_seconds=10.0)
REFUSED_SECONDS = 15 * 60.0


class Reconnect(Delays):
    """The delays between the tries of one home: growing while there is no session, and while sessions die young.

    A refused token waits long: each refused login raises a notification in Home Assistant and may ban the address.
    """

    def __init__(self, random: Random) -> None:
        super().__init__(BACKOFF, random, {CredentialsRefused: REFUSED_SECONDS})
