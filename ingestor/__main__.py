"""The command `ingestor`."""

from __future__ import annotations

import sys

from ingestor.assembly.memory import return_large_blocks
from ingestor.cli import command


def main() -> None:
    """Run the command line and exit with its code."""
    return_large_blocks()
    sys.exit(command(sys.argv[1:]))


if __name__ == "__main__":
    main()
