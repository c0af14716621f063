"""The dashboard, as typed code."""
