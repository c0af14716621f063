"""What crosses rooms: records, gaps, errors, channels; instants, signals, backoff."""
