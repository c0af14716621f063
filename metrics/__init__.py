"""What the service can report, and how it becomes Prometheus metrics and log lines."""
