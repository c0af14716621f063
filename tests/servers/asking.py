"""One HTTP client for all servers of the tests: one for each question would cost it 23 ms of CPU, for its trust store.

It keeps no connection, so that a server that stops waits for nobody.
"""

from __future__ import annotations

import httpx

CLIENT = httpx.Client(timeout=5, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
