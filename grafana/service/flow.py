"""Where does it wait: the way of an event from Home Assistant to the database, and how long it takes."""

from __future__ import annotations

from grafana.board import Section
from grafana.panels import Look, bars, graph, shares
from grafana.prometheus import now, over_time
from metrics.balance import CAME, WENT
from metrics.facts import CATALOGUE

RATE = "[$__rate_interval]"
_COUNT = Look(width=12, height=7, decimals=0, none="none")


def quantile(share: float, histogram: str) -> str:
    """Return the expression for a quantile of a histogram."""
    return f"histogram_quantile({share}, sum by (le) (rate({histogram}_bucket{RATE})))"


def _term(name: str) -> str:
    return f"{name}_total" if CATALOGUE[name].kind == "counter" else name


def _word(name: str) -> str:
    return name.removeprefix("ingestor_").removeprefix("events_").removesuffix("_events")


FLOW = Section(
    "Where does it wait?",
    (
        graph(
            "State changes a second",
            over_time(f"sum(rate(ingestor_events_received_total{RATE}))", "received"),
            over_time(f"sum(rate(ingestor_events_stored_total{RATE}))", "stored"),
            over_time(f"sum(rate(ingestor_events_skipped_total{RATE})) > 0", "left out"),
            over_time(f"sum(rate(ingestor_events_refilled_total{RATE})) > 0", "refilled"),
            help_="Stored follows received within a second or two. What is left out is meant to be.",
            look=Look(width=12, height=7, unit="cps"),
        ),
        graph(
            "Waiting",
            over_time("sum(ingestor_pending_events)", "on the disk"),
            over_time("sum(ingestor_held_events)", "in memory"),
            over_time("sum(ingestor_quarantine_records) > 0", "in the quarantine"),
            help_="On the disk it waits for the database, in memory for the disk, in the quarantine for you.",
            look=_COUNT,
        ),
        graph(
            "From a change until it is safe, and until it is stored",
            over_time(quantile(0.5, "ingestor_commit_age_seconds"), "safe, half of them"),
            over_time(quantile(0.99, "ingestor_commit_age_seconds"), "safe, 99%"),
            over_time(quantile(0.5, "ingestor_write_age_seconds"), "stored, half of them"),
            over_time(quantile(0.99, "ingestor_write_age_seconds"), "stored, 99%"),
            help_="How long an event is at risk, and how long until it can be queried. Without refilled ones.",
            look=Look(width=12, height=7, unit="s"),
        ),
        graph(
            "Spool, quarantine and disk",
            over_time("max(ingestor_pending_bytes / (ingestor_spool_maximum_bytes > 0))", "spool"),
            over_time("max(ingestor_quarantine_bytes / (ingestor_quarantine_maximum_bytes > 0))", "quarantine"),
            over_time("max(1 - ingestor_disk_free_bytes / (ingestor_disk_total_bytes > 0))", "disk"),
            help_="Each in its own percent; a full one pauses the home.",
            look=Look(width=12, height=7, unit="percentunit", most=1),
        ),
    ),
)
DATABASE = Section(
    "Database and disk",
    (
        graph(
            "Time of a write to the database",
            over_time(quantile(0.5, "ingestor_write_duration_seconds"), "half of them"),
            over_time(quantile(0.99, "ingestor_write_duration_seconds"), "99%"),
            help_="From handing a batch over to its confirmation, retries included.",
            look=Look(unit="s"),
        ),
        graph(
            "Time of a commit to the disk",
            over_time(quantile(0.5, "ingestor_commit_duration_seconds"), "half of them"),
            over_time(quantile(0.99, "ingestor_commit_duration_seconds"), "99%"),
            help_="One fsync each; slow ones come from the disk.",
            look=Look(unit="s"),
        ),
        graph(
            "Records a second",
            over_time(f"sum(rate(ingestor_records_committed_total{RATE}))", "captured"),
            over_time(f"sum(rate(ingestor_records_stored_total{RATE}))", "stored"),
            help_="Events, and what describes entities. Captured is on the disk, stored is in the database.",
            look=Look(unit="cps"),
        ),
        graph(
            "Our files",
            over_time("max by (file) (ingestor_file_bytes) > 0", "{{file}}"),
            help_="Sizes of the databases in DATA_DIR, their logs included.",
            look=Look(unit="bytes"),
        ),
        bars(
            "Writes that failed",
            over_time(f"sum by (code) (increase(ingestor_store_failures_total{RATE})) > 0", "{{code}}"),
            help_="Each is tried again; events wait meanwhile.",
            look=_COUNT,
        ),
        bars(
            "Commits that failed",
            over_time(f"sum by (code) (increase(ingestor_commit_failures_total{RATE})) > 0", "{{code}}"),
            over_time(
                f"sum by (code) (increase(ingestor_quarantine_failures_total{RATE})) > 0", "quarantine: {{code}}"
            ),
            help_="Each is tried again; what comes meanwhile is held in memory.",
            look=_COUNT,
        ),
        bars(
            "Set aside, too old, gone",
            over_time(
                f"sum by (reason) (increase(ingestor_events_quarantined_total{RATE})) > 0", "quarantined: {{reason}}"
            ),
            over_time(f"sum by (reason) (increase(ingestor_events_dropped_total{RATE})) > 0", "dropped: {{reason}}"),
            over_time(f"sum(increase(ingestor_events_expired_total{RATE})) > 0", "older than the database keeps"),
            over_time(f"sum(increase(ingestor_events_replayed_total{RATE})) > 0", "replayed out of the quarantine"),
            help_="Dropped is gone for good; quarantined waits for you.",
            look=_COUNT,
        ),
        bars(
            "Stored otherwise",
            over_time(f"sum(increase(ingestor_attributes_omitted_total{RATE})) > 0", "without attributes"),
            over_time(f"sum(increase(ingestor_store_rows_skipped_total{RATE})) > 0", "rows of another program"),
            help_="Attributes that are longer than the database holds, and rows that are not ours.",
            look=_COUNT,
        ),
    ),
    closed=True,
)
BALANCE = Section(
    "The books: what came in is somewhere",
    (
        shares(
            "What came",
            *(now(f"sum({_term(name)})", _word(name)) for name in CAME),
            help_="Events of this process, by where they came from: docs/balance.md.",
            look=Look(height=7, decimals=0),
        ),
        shares(
            "Where it is",
            *(now(f"sum({_term(name)})", _word(name)) for name in WENT),
            help_="The same events, by where they are now.",
            look=Look(height=7, decimals=0),
        ),
    ),
    closed=True,
)
