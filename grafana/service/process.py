"""What is broken inside: the actors, what is told, and what the process uses."""

from __future__ import annotations

from grafana.board import Section
from grafana.panels import BLUE, GREEN, GREY, ORANGE, RED, Look, bars, graph, rows, tile, timeline
from grafana.prometheus import now, over_time, table
from grafana.service.flow import RATE

_STATES = {
    "up": ("up", GREEN),
    "running": ("running", GREEN),
    "starting": ("starting", BLUE),
    "stopping": ("stopping", GREY),
    "stopped": ("stopped", GREY),
    "down": ("down", RED),
}
_STATE_OF_ACTOR = " or ".join(
    f'{number} * ingestor_actor_state{{state="{state}"}}' for number, state in enumerate(_STATES)
)
_COUNT = Look(width=12, height=7, decimals=0, none="none")

PROCESS = Section(
    "Actors and process",
    (
        timeline(
            "Alerts that fired",
            over_time('max by (alertname) (ALERTS{alertstate="firing",severity!="none"}) == 1', "{{alertname}}"),
            help_="Also those of what stands around the service.",
            look=Look(width=24, height=5, words={"1": ("fires", ORANGE)}, none="none"),
        ),
        timeline(
            "Actors",
            over_time(f"max by (instance, child) ({_STATE_OF_ACTOR})", "{{child}}"),
            help_="What each actor and supervisor does; docs/architecture.md has the tree.",
            look=Look(width=24, height=12, words={str(number): word for number, word in enumerate(_STATES.values())}),
        ),
        bars(
            "Crashes and restarts",
            over_time(f"sum by (child) (increase(ingestor_actor_crashes_total{RATE})) > 0", "crash of {{child}}"),
            over_time(f"sum by (child) (increase(ingestor_actor_restarts_total{RATE})) > 0", "restart of {{child}}"),
            help_="Siblings that go down with a crashed one restart as well.",
            look=_COUNT,
        ),
        bars(
            "Warnings, and what could not be told",
            over_time(f"sum by (code) (increase(ingestor_warnings_total{RATE})) > 0", "{{code}}"),
            over_time(f"sum by (way, code) (increase(ingestor_telling_failures_total{RATE})) > 0", "{{way}}: {{code}}"),
            help_="The log has the sentences.",
            look=_COUNT,
        ),
        graph(
            "Memory",
            over_time("max by (instance) (process_resident_memory_bytes)"),
            help_="Resident set size.",
            look=Look(width=12, height=7, unit="bytes"),
        ),
        graph(
            "CPU",
            over_time(f"max by (instance) (rate(process_cpu_seconds_total{RATE}))"),
            help_="Share of one core.",
            look=Look(width=12, height=7, unit="percentunit"),
        ),
        rows(
            "Versions",
            table("max by (instance, home, version, python_version, home_assistant_version) (ingestor_build_info)"),
            help_="Of the service, of Python, and of each home that was connected once.",
            look=Look(width=18, height=4),
            fields={
                "instance": "Instance",
                "version": "Ingestor",
                "python_version": "Python",
                "home": "Home",
                "home_assistant_version": "Home Assistant",
            },
        ),
        tile(
            "Runs for",
            now("min by (instance) (ingestor_uptime_seconds)"),
            help_="Since the service started.",
            look=Look(width=6, height=4, unit="s", decimals=1, none="it does not run"),
        ),
    ),
    closed=True,
)
