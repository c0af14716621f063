"""What was missed: the arithmetic of gaps, the ledger that remembers them."""
