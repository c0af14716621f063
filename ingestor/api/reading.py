"""The API on one page, to be read: made of its OpenAPI, and it loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = "body{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto}code{font-weight:bold}dd{margin-bottom:.6em}"


def page(openapi: dict[str, Any]) -> str:
    """Return the page as HTML."""
    rows = "\n".join(_rows(openapi["paths"]))
    title = escape(openapi["info"]["title"])
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>
<h1>{title}</h1>
<p>Everything under <code>/api</code> wants <code>API_TOKEN</code> as a bearer token, where one is set. Every shape
stands in <a href="/openapi.json">/openapi.json</a>.</p>
<dl>
{rows}
</dl></html>
"""


def _rows(paths: dict[str, Any]) -> Iterator[str]:
    for path, methods in paths.items():
        for method, told in methods.items():
            taken = [f"{one['name']} ({one['in']})" for one in told.get("parameters", ())]
            if "requestBody" in told:
                [content] = told["requestBody"]["content"].values()
                taken.append(f"{content['schema']['$ref'].rpartition('/')[2]} (body)")
            said = f"takes {', '.join(taken)}; " if taken else ""
            yield f"<dt><code>{method.upper()} {escape(path)}</code></dt>"
            yield f"<dd>{escape(said)}answers {', '.join(sorted(told['responses']))}</dd>"
