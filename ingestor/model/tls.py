"""Why TLS with a server does not come about, in a sentence that says what its certificate holds, and what to set.

To find that out, a server is connected to once or twice more, without a check of its certificate. Nothing is said there
that it could use: no token, and no question but for its own page.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import trio

SECONDS = 5.0
_ANOTHER_NAME = {62, 64}  # OpenSSL's codes for a host and an IP address that the certificate is not for
_PORTS = {"http": 80, "https": 443}


def address_of(url: str) -> tuple[str, int]:
    """Return host and port of an address."""
    parts = urlsplit(url)
    return str(parts.hostname), parts.port or _PORTS[parts.scheme]


def cause_of(error: BaseException | None) -> ssl.SSLError | None:
    """Return the failure of TLS that another error came from."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error


async def sentence(url: str, cause: BaseException | None, of: str, ca_file: Path | None = None) -> str:
    """Return what is wrong, for settings whose names begin with `of` and an underscore."""
    host, port = address_of(url)
    if isinstance(cause, ssl.SSLCertVerificationError):
        names = " and ".join(await names_of(host, port)) or "unknown names"
        if cause.verify_code in _ANOTHER_NAME:
            instead = ", or HA_CERTIFICATE_NAME to one of them" if of == "HA" else ""
            return f"the certificate of {url} is for {names}, not for its address: set {of}_URL to such a name{instead}"
        by = f" by {of}_CA_FILE" if ca_file else ""
        why = f"is for {names}, and is not trusted{by} ({cause.verify_message})"
        return f"the certificate of {url} {why}: set {of}_CA_FILE to its CA, or to itself where it is its own"
    if await speaks_http(host, port):
        return f"what answers at {url} speaks no TLS: begin {of}_URL with http://"
    return f"no TLS with {url}: {cause}"


async def names_of(host: str, port: int) -> list[str]:
    """Return the names that the certificate of a server is for; none where they cannot be found out."""
    with trio.move_on_after(SECONDS), suppress(OSError, trio.BrokenResourceError):
        shown = await _certificate(host, port, _unchecked())
        trusting = _unchecked()  # only a certificate that is trusted is taken apart; so this one is
        trusting.verify_mode = ssl.CERT_REQUIRED
        trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        trusting.load_verify_locations(cadata=shown.getpeercert(binary_form=True))
        held = (await _certificate(host, port, trusting)).getpeercert() or {}
        return [str(pair[1]) for pair in held.get("subjectAltName", ())]
    return []


async def speaks_tls(host: str, port: int) -> bool:
    """Return whether a server speaks TLS."""
    with trio.move_on_after(SECONDS), suppress(OSError, trio.BrokenResourceError):
        await _certificate(host, port, _unchecked())
        return True
    return False


async def speaks_http(host: str, port: int) -> bool:
    """Return whether a server speaks HTTP without TLS."""
    with trio.move_on_after(SECONDS), suppress(OSError, trio.BrokenResourceError):
        async with await trio.open_tcp_stream(host, port) as stream:
            await stream.send_all(f"HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return (await stream.receive_some(64)).startswith(b"HTTP/1")
    return False


async def _certificate(host: str, port: int, context: ssl.SSLContext) -> ssl.SSLObject:
    """Return what a finished handshake knows; the connection is closed."""
    async with await trio.open_tcp_stream(host, port) as transport:
        stream = trio.SSLStream(transport, context, server_hostname=host, https_compatible=True)
        await stream.do_handshake()
        return stream._ssl_object  # noqa: SLF001  its methods are the stream's own, by a forward that has no types


def _unchecked() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
