"""What was missed, and what became of it; what Home Assistant sends, and what is left out."""

from __future__ import annotations

from grafana.board import Section
from grafana.panels import GREEN, ORANGE, RED, YELLOW, Look, bars, graph, timeline
from grafana.prometheus import over_time
from grafana.service.flow import RATE

_COUNT = Look(width=12, height=7, decimals=0, none="none")
_WHOLE = Look(width=12, height=7, decimals=0)

MISSED = Section(
    "What was missed?",
    (
        graph(
            "Captured",
            over_time("min by (window) (ingestor_capture_ratio)", "of the last {{window}}"),
            help_="Share of all changes that are safe, over restarts, in whole hours.",
            look=Look(width=12, height=7, unit="percentunit", most=1, decimals=2),
        ),
        timeline(
            "Recorder",
            over_time("min by (instance, home) (ingestor_refill_up)", "{{home}}"),
            help_="Whether Home Assistant's recorder can be asked for what was missed; if not, gaps wait.",
            look=Look(width=12, height=7, words={"1": ("answers", GREEN), "0": ("cannot be asked", ORANGE)}),
        ),
        bars(
            "Gaps that were found",
            over_time(f"sum by (cause) (increase(ingestor_gaps_found_total{RATE})) > 0", "{{cause}}"),
            help_="By their cause. A change that does not follow the one before it is a broken link.",
            look=_COUNT,
        ),
        bars(
            "Gaps that were settled",
            over_time(f"sum by (state) (increase(ingestor_gaps_settled_total{RATE})) > 0", "{{state}}"),
            over_time('sum(ingestor_gaps{state="open"}) > 0', "open"),
            help_="Filled is whole again. Partly lists what the recorder did not have.",
            look=_COUNT,
        ),
        bars(
            "Made good",
            over_time(f"sum(increase(ingestor_events_refilled_total{RATE})) > 0", "out of the recorder"),
            over_time(f"sum(increase(ingestor_events_restored_total{RATE})) > 0", "out of a snapshot"),
            over_time(f"sum(increase(ingestor_audit_refilled_total{RATE})) > 0", "found by an audit"),
            help_="Events that were missed live, and are stored all the same.",
            look=_COUNT,
        ),
        bars(
            "Compared with the recorder",
            over_time(f"sum(increase(ingestor_audits_total{RATE})) > 0", "audits"),
            over_time(f"sum by (kind, state) (increase(ingestor_jobs_total{RATE})) > 0", "{{kind}}: {{state}}"),
            over_time(
                f"sum by (state) (increase(ingestor_backfills_total{RATE})) > 0", "backfill of a user: {{state}}"
            ),
            help_="Every six hours, after a loss, and when a user asks for it.",
            look=_COUNT,
        ),
        graph(
            "Changes that were checked",
            over_time(f"sum(rate(ingestor_links_total{RATE}))", "against the one before them"),
            over_time(f"sum(rate(ingestor_links_broken_total{RATE})) > 0", "did not follow"),
            over_time(f"sum(rate(ingestor_audit_compared_total{RATE})) > 0", "against the recorder"),
            help_="Every change names its predecessor: one that does not follow tells that another was missed.",
            look=Look(width=12, height=7, unit="cps"),
        ),
        bars(
            "Could not be asked, or compared",
            over_time(f"sum by (code) (increase(ingestor_refill_failures_total{RATE})) > 0", "refill: {{code}}"),
            over_time(f"sum by (code) (increase(ingestor_audit_failures_total{RATE})) > 0", "audit: {{code}}"),
            help_="Each is tried again.",
            look=_COUNT,
        ),
    ),
    closed=True,
)
HOME = Section(
    "Home Assistant and the weather",
    (
        timeline(
            "Connection",
            over_time("min by (instance, home) (ingestor_connected - 2 * ingestor_home_paused)", "{{home}}"),
            help_="Paused is on purpose: there is no room to capture.",
            look=Look(
                width=12,
                height=7,
                words={
                    "1": ("connected", GREEN),
                    "0": ("not connected", RED),
                    "-2": ("paused", RED),
                    "-1": ("pausing", RED),
                },
            ),
        ),
        bars(
            "Sessions that began, ended, or did not come about",
            over_time(f"sum(increase(ingestor_sessions_total{RATE})) > 0", "began"),
            over_time(f"sum by (code) (increase(ingestor_sessions_closed_total{RATE})) > 0", "ended: {{code}}"),
            over_time(f"sum by (code) (increase(ingestor_connect_failures_total{RATE})) > 0", "failed: {{code}}"),
            help_="Why the socket was lost, and why there is none.",
            look=_COUNT,
        ),
        graph(
            "Entities",
            over_time("sum(ingestor_entities)", "in the home"),
            over_time("sum(ingestor_entities_selected)", "stored"),
            help_="INCLUDE and EXCLUDE say which are stored.",
            look=_WHOLE,
        ),
        bars(
            "Changes that were left out",
            over_time(f"sum by (code) (increase(ingestor_events_skipped_total{RATE})) > 0", "{{code}}"),
            help_="By the rule of EXCLUDE that leaves them out; repeated ones were there already.",
            look=_COUNT,
        ),
        graph(
            "Traffic",
            over_time(f"sum(rate(ingestor_received_bytes_total{RATE}))", "text"),
            help_="Size of the frames received, uncompressed.",
            look=Look(width=12, height=7, unit="Bps"),
        ),
        bars(
            "Messages that were not understood",
            over_time(f"sum by (code) (increase(ingestor_messages_ignored_total{RATE})) > 0", "{{code}}"),
            help_="Counted and survived.",
            look=_COUNT,
        ),
        graph(
            "Age of the weather",
            over_time("max by (home) (ingestor_weather_age_seconds) >= 0", "{{home}}"),
            help_="Of the observation that events are stored with.",
            look=Look(width=12, height=7, unit="s", none="no weather"),
        ),
        timeline(
            "Requests for the weather",
            over_time(
                'max by (instance, home) (2 * ingestor_weather_breaker_state{state="open"}'
                ' or ingestor_weather_breaker_state{state="half_open"}'
                ' or 0 * ingestor_weather_breaker_state{state="closed"})',
                "{{home}}",
            ),
            help_="Whether the provider is asked: after several failures it is left alone for a while.",
            look=Look(
                width=6,
                height=7,
                words={"0": ("asked", GREEN), "1": ("tried once", YELLOW), "2": ("left alone", ORANGE)},
            ),
        ),
        bars(
            "Requests for the weather that failed",
            over_time(f"sum by (code) (increase(ingestor_weather_failures_total{RATE})) > 0", "{{code}}"),
            help_="The last observation serves on.",
            look=Look(width=6, height=7, decimals=0, none="none"),
        ),
    ),
    closed=True,
)
