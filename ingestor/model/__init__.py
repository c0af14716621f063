"""What crosses rooms: records, gaps, instants, errors."""
