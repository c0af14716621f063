"""The dashboard "Home": what the home did, out of either database."""
