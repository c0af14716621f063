"""What an administrator looks up, as the service's API tells it. What has to be changed is a command."""

from __future__ import annotations

from grafana.board import Section
from grafana.infinity import api
from grafana.panels import GREEN, GREY, ORANGE, YELLOW, Column, Look, note, rows
from grafana.service.runbooks import PAGES

_COMMANDS = f"""
| to | say |
|---|---|
| see what is wrong, and try everything | `ingestor check` |
| see why records were refused | `ingestor quarantine list` |
| store what was mended, or give it up | `ingestor quarantine replay`, `ingestor quarantine drop` |
| say that you know of a loss | `ingestor losses acknowledge` |
| see what is missing, compare anew | `ingestor audit` |
| import history | `ingestor backfill --from 2026-01-01` |
| see and cancel jobs | `ingestor jobs`, `ingestor jobs cancel 7` |
| keep events for another time | `PUT /api/config` with `retention_days` |
| choose what is stored | `INCLUDE`, `EXCLUDE`: [settings]({PAGES}/configuration.md) |

In compose: `docker compose exec ingestor ingestor check`. [Operations]({PAGES}/operations.md) has every case.
"""
_STATE = Column(
    words={
        "filled": ("filled", GREEN),
        "done": ("done", GREEN),
        "open": ("open", YELLOW),
        "partly": ("partly", ORANGE),
        "failed": ("failed", ORANGE),
        "tail_unproven": ("tail unproven", YELLOW),
        "since": ("first start", GREY),
    },
    width=110,
    is_coloured=True,
)
_AT = Column(width=170)

ADMIN = Section(
    "What the service says of itself",
    (
        rows(
            "Health, with reasons",
            api("/api/health", {"key": "Part", "value": "Reason"}, root=".problems | to_entries"),
            help_="The problems and warnings of `/health`, in full sentences.",
            look=Look(width=12, height=6, none="All is well"),
            columns={"Part": Column(width=150), "Reason": Column(wraps=True)},
        ),
        rows(
            "Configuration",
            api(
                "/api/config",
                {
                    "ha_url": "Home Assistant",
                    "ha_token_masked": "Token",
                    "weather_location": "Weather of",
                    "weather_api_key_masked": "Weather key",
                    "weather_cache_minutes": "Weather for, minutes",
                    "retention_days": "Kept for, days",
                    "sources.retention_days": "as said by",
                },
            ),
            help_="Secrets show their last four characters. 0 days is for ever.",
            look=Look(width=12, height=6),
        ),
        rows(
            "Gaps",
            api(
                "/api/gaps?limit=50",
                {
                    "began": "Began at",
                    "ended": "Ended at",
                    "home": "Home",
                    "state": "State",
                    "cause": "Cause",
                    "refilled": "Refilled",
                    "entities": "Entities",
                    "listed.#": "Listed",
                    "reason": "Reason",
                    "detail": "Detail",
                },
            ),
            help_="Times in which changes were missed, the newest first; listed ones cannot be refilled.",
            look=Look(width=24, height=7, none="none"),
            columns={"Began at": _AT, "Ended at": _AT, "State": _STATE},
        ),
        rows(
            "Jobs",
            api(
                "/api/jobs?limit=50",
                {
                    "id": "Number",
                    "kind": "Kind",
                    "home": "Home",
                    "from": "From at",
                    "to": "Until at",
                    "state": "State",
                    "share": "Share done",
                    "compared": "Compared",
                    "imported": "Stored",
                    "cause": "Cause",
                    "detail": "Reason",
                },
            ),
            help_="What is compared with Home Assistant's recorder, and why it waits or has ended.",
            look=Look(width=24, height=7, none="none"),
            columns={"From at": _AT, "Until at": _AT, "State": _STATE},
        ),
        rows(
            "Quarantine",
            api(
                "/api/quarantine?limit=50",
                {
                    "id": "Number",
                    "quarantined_at": "Set aside at",
                    "home": "Home",
                    "entity_id": "Entity",
                    "code": "Code",
                    "message": "What the database says",
                },
            ),
            help_="Records that could not be stored, with the reason.",
            look=Look(width=14, height=7, none="none"),
            columns={"Set aside at": _AT},
        ),
        rows(
            "Losses",
            api(
                "/api/losses",
                {
                    "dropped": "Dropped at",
                    "events": "Events",
                    "reason": "Reason",
                    "detail": "Detail",
                    "acknowledged": "Acknowledged at",
                },
            ),
            help_="What was dropped, by this process or one before it.",
            look=Look(width=10, height=7, none="none"),
        ),
        rows(
            "Recent events",
            api(
                "/api/events/recent?limit=100",
                {
                    "timestamp": "Changed at",
                    "home": "Home",
                    "entity_id": "Entity",
                    "previous_state": "Before",
                    "state_value": "State",
                },
            ),
            help_="The newest first.",
            look=Look(width=14, height=9, none="none yet"),
            columns={"Changed at": _AT},
        ),
        note("What you can do", _COMMANDS, look=Look(width=10, height=9)),
    ),
    closed=True,
)
