from __future__ import annotations

import ast
import sys
from pathlib import Path

import supervisors


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


def test_the_package_needs_trio_and_the_standard_library_alone() -> None:
    files = sorted(Path(supervisors.__file__).parent.glob("**/*.py"))
    assert files
    assert set.union(*map(imported, files)) - set(sys.stdlib_module_names) == {"supervisors", "trio"}
