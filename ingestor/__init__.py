"""Every state change of a Home Assistant, enriched, in a time-series database."""
