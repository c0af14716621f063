"""The dashboard "Ingestor", in the order of a worried user's questions; each file has the panels of some sections."""
