"""The first screen: is my data safe and fresh, is anything lost, waiting or listed, and what is broken, in words.

It says what was known last, so it answers when the service is down, too: a gauge is looked for in the last day.
"""

from __future__ import annotations

from grafana.board import Section
from grafana.panels import BLUE, GREEN, GREY, ORANGE, RED, YELLOW, Column, Look, alerts, rows, shares, tile, timeline
from grafana.prometheus import known, now, over_time, table
from grafana.service.runbooks import runbook
from grafana.service.state import EXPR, WORDS
from ingestor.model.advice import ADVICE

_NONE = {"0": ("none", GREEN)}
_NEWEST = "max by (instance) (max_over_time(ingestor_newest_stored_timestamp_seconds[1d]) > 0)"
_LAST_DAY = 'ingestor_capture_ratio{window="1d"}'
_ROOM = "ingestor_spool_maximum_bytes - ingestor_pending_bytes"
_GROWS = "(deriv(ingestor_pending_bytes[15m]) > 0)"
_WAITS = "ingestor_pending_bytes > 0.05 * ingestor_spool_maximum_bytes"
_SHRINKS = "(-deriv(ingestor_disk_free_bytes[30m]) > 0)"
_IS_USED = "ingestor_disk_free_bytes < 0.4 * ingestor_disk_total_bytes"
_WEEK = 7 * 86_400
_PARTS = {
    "service": ("The service", RED),
    "websocket_client": ("Home Assistant", RED),
    "spool": ("Disk", RED),
    "losses": ("Lost", RED),
    "selection": ("INCLUDE, EXCLUDE", RED),
    "enrichment_service": ("Enrichment", RED),
    "database": ("Database", ORANGE),
    "recorder": ("Recorder", ORANGE),
    "quarantine": ("Quarantine", YELLOW),
    "weather_api": ("Weather", YELLOW),
}
_CODES = {
    "down": "it does not answer: does the process run? its log says why it ended",
    "not_empty": "records could not be stored: see `ingestor quarantine list`",
    "selects_nothing": "the two settings leave no entity to be stored",
    "spool_damaged": "events are gone for good: see `ingestor losses`",
    "shutdown": "events are gone for good: see `ingestor losses`",
    "starting": "nothing has come yet",
} | {str(code): advice.hint for code, advice in ADVICE.items() if advice.hint and code != "starting"}


def _count(expr: str) -> str:
    return f"sum by (instance) ({known(expr)})"


def _full(steps: dict[float | None, str], none: str) -> Look:
    return Look(width=6, height=4, unit="percentunit", most=1, decimals=0, steps=steps, none=none)


def _share(part: str, whole: str) -> str:
    return f"max by (instance) ({known(part)} / ({known(whole)} > 0))"


_UNTIL = Look(
    width=6,
    height=4,
    unit="s",
    decimals=1,
    steps={None: GREEN, 0: ORANGE, 4 * 3600: YELLOW, 86_400: BLUE},
    none="not in sight",
)
SAFE = Section(
    "",
    (
        tile(
            "Is my data safe?",
            now(EXPR),
            help_="The worst that is true of the service now. Down, paused and not connected mean that nothing is"
            " captured; Home Assistant's recorder has what is missed, and it is refilled.",
            look=Look(width=12, height=4, words=WORDS, steps={None: GREY}, solid=True, none="Prometheus has no answer"),
        ),
        tile(
            "Newest event stored",
            now(f"time() - {_NEWEST}"),
            help_="How long ago it happened. A quiet home makes it grow, too.",
            look=Look(
                width=4,
                height=4,
                unit="s",
                decimals=0,
                steps={None: GREEN, 300: YELLOW, 3600: ORANGE},
                none="nothing yet",
                links=runbook("DataIsStale"),
            ),
        ),
        tile(
            "Captured of the last day",
            now(f"min by (instance) ({known(_LAST_DAY)})"),
            help_="Share of all changes that are safe, live or refilled, over restarts. What is quarantined, dropped,"
            " listed or in an open gap is not.",
            look=Look(
                width=4,
                height=4,
                unit="percentunit",
                decimals=2,
                steps={None: GREY, 0: RED, 0.986: YELLOW, 0.997: GREEN},
                links=runbook("CapturedTooLittle"),
            ),
        ),
        tile(
            "Changes in the last minute",
            now("sum by (instance) (increase(ingestor_events_received_total[1m]))"),
            help_="State changes that Home Assistant has sent.",
            look=Look(width=4, height=4, decimals=0, none="none", links=runbook("HomeSilent")),
        ),
        timeline(
            "How it was",
            over_time(EXPR),
            help_="The same words over time, a line for each instance.",
            look=Look(width=24, height=3, words=WORDS),
        ),
        tile(
            "Lost for good",
            now(_count("ingestor_events_lost")),
            help_="Events that were dropped and that nobody has acknowledged: `ingestor losses`.",
            look=Look(
                width=4, height=3, decimals=0, words=_NONE, steps={None: GREEN, 1: RED}, links=runbook("RecordsLost")
            ),
        ),
        tile(
            "Known to be missing",
            now(_count("ingestor_gap_intervals_listed")),
            help_="Times of an entity that the recorder could not fill: `ingestor audit` lists them.",
            look=Look(
                width=4,
                height=3,
                decimals=0,
                words=_NONE,
                steps={None: GREEN, 1: YELLOW},
                links=runbook("ChangesListed"),
            ),
        ),
        tile(
            "Gaps being refilled",
            now(_count('ingestor_gaps{state="open"}')),
            help_="Times in which changes were missed; they are asked for from Home Assistant's recorder.",
            look=Look(
                width=4, height=3, decimals=0, words=_NONE, steps={None: GREEN, 1: BLUE}, links=runbook("GapStaysOpen")
            ),
        ),
        tile(
            "In the quarantine",
            now(_count("ingestor_quarantine_records")),
            help_="Records that the database refused; they wait for you: `ingestor quarantine list`.",
            look=Look(
                width=4,
                height=3,
                decimals=0,
                words=_NONE,
                steps={None: GREEN, 1: YELLOW},
                links=runbook("RecordsQuarantined"),
            ),
        ),
        tile(
            "Waiting to be stored",
            now(f"{_count('ingestor_pending_events')} + {_count('ingestor_held_events')}"),
            help_="Events on the disk and in memory that the database has not confirmed. Some always are on their way.",
            look=Look(
                width=4,
                height=3,
                decimals=0,
                words=_NONE,
                steps={None: GREEN, 10_000: YELLOW},
                links=runbook("BacklogGrows"),
            ),
        ),
        tile(
            "The books",
            now(f"max by (instance) (abs({known('ingestor_events_unaccounted')}))"),
            help_="What came in, without what is somewhere, in events: docs/balance.md.",
            look=Look(
                width=4,
                height=3,
                decimals=0,
                words={"0": ("close", GREEN)},
                steps={None: GREY, 0: GREEN, 1: RED},
                links=runbook("Unaccounted"),
            ),
        ),
        rows(
            "What is broken",
            table(
                'max by (instance, part, code) (ingestor_problem{code!=""} == 1)'
                " or max by (instance, part, code) (label_replace(label_replace("
                '0 * (up == 0 or absent(up)) + 1, "part", "service", "", ""), "code", "down", "", ""))'
            ),
            help_="The problems and warnings of `/health`, and what you can do. The sections below have the words.",
            look=Look(width=14, height=6, none="Nothing"),
            fields={"part": "Part", "code": "What to do", "instance": "Instance"},
            columns={
                "Part": Column(words=_PARTS, width=130, is_coloured=True),
                "What to do": Column(
                    words={code: (f"{code}: {hint}", "") for code, hint in _CODES.items()}, wraps=True
                ),
                "Instance": Column(width=140),
            },
        ),
        alerts(
            "Alerts",
            help_="What fires, or is about to; each has its runbook.",
            look=Look(width=10, height=6),
            labels='{severity!="none"}',
        ),
        shares(
            "Spool and quarantine",
            now(_share("ingestor_pending_bytes", "ingestor_spool_maximum_bytes"), "spool"),
            now(_share("ingestor_quarantine_bytes", "ingestor_quarantine_maximum_bytes"), "quarantine"),
            help_="How much of SPOOL_MAX_BYTES each holds; when one is full, the home is paused.",
            look=_full({None: GREEN, 0.5: YELLOW, 0.9: RED}, "no spool"),
        ),
        tile(
            "Spool is full in",
            now(f"min by (instance) (({_ROOM}) / {_GROWS} and {_WAITS}) < {_WEEK}"),
            help_="At the pace of the last quarter of an hour, once 5% of it waits.",
            look=_UNTIL,
        ),
        shares(
            "Disk of DATA_DIR",
            now(f"1 - {_share('ingestor_disk_free_bytes', 'ingestor_disk_total_bytes')}", "disk"),
            help_="How much of the disk is in use, by whomever; without room nothing is captured.",
            look=_full({None: GREEN, 0.8: YELLOW, 0.95: RED}, "not known"),
        ),
        tile(
            "Disk is full in",
            now(f"min by (instance) (ingestor_disk_free_bytes / {_SHRINKS} and {_IS_USED}) < {_WEEK}"),
            help_="At the pace of the last half hour, once 60% of it is in use.",
            look=_UNTIL,
        ),
    ),
)
