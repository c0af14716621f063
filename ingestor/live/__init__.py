"""Capturing changes as they happen: one memory of each entity, and the proof that none was missed."""
