"""A simulated home that speaks the real protocol, for the demo and for tests."""
