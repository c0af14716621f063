"""The command `ingestor`."""

from __future__ import annotations

import sys

from ingestor.cli import command
from ingestor.memory import return_large_blocks


def main() -> None:
    """Run the command line and exit with its code."""
    return_large_blocks()
    sys.exit(command(sys.argv[1:]))


if __name__ == "__main__":
    main()
