"""What `ingestor check` tries, a small function for each; `commands/check.py` has the list of them."""
