"""The client of Home Assistant: protocol, connection, and what its stream means."""
