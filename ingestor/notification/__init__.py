"""Telling a person without Prometheus: a notification in Home Assistant, a heartbeat whose absence somebody notices."""
