"""The diagram of the ingestor's tree in docs/supervisors.md, drawn from its specs.

`python -m tests.documentation.supervisors_tree` writes it anew.
"""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from ingestor import config
from ingestor.assembly.service import build
from supervisors import outline

PAGE = Path(__file__).parents[2] / "docs" / "supervisors.md"
DIAGRAM = re.compile(r"(?<=<!-- drawn from the specs: make diagram -->\n```text\n).*?(?=```\n)", re.DOTALL)


def drawn() -> str:
    """Return the tree of a service with one home."""
    with TemporaryDirectory() as data_dir:
        settings = config.load(
            _env_file=None,
            ha_url="http://homeassistant.local:8123",
            ha_token="never-used",  # noqa: S106  it opens nothing
            home_name="home",
            influxdb_url=None,
            data_dir=Path(data_dir),
            api_port=0,
        )
        service = build(settings)
        service.api.close()
        return outline(service.root) + "\n"


def written() -> str:
    """Return the diagram as it is in the page."""
    found = DIAGRAM.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    return found.group()


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(DIAGRAM.sub(lambda _: drawn(), page), encoding="utf-8")
