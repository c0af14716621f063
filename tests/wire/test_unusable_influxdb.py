"""A database that cannot be used is told in a sentence, and is an outage: on the double, or on a real InfluxDB 2.

`TEST_INFLUXDB_COMMAND` or `TEST_INFLUXDB_URL` names the real one, as `tests/faults/databases.py` says.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from pydantic import SecretStr

from ingestor.model.errors import CredentialsRefused, IngestorError, Unavailable
from ingestor.model.records import StoreMark
from ingestor.storage.influxdb import InfluxDBStore
from metrics import facts
from tests.actors.homes import listening
from tests.faults.databases import InfluxDB, influxdb
from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until
from tests.servers.records import SECOND_NS, START_NS, event, removal
from tests.servers.simulated_home import SimHome, simulated_home
from tests.servers.truth import compare, expected

MONTH_NS = 30 * 86_400 * SECOND_NS


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Generator[InfluxDB]:
    found = influxdb(tmp_path_factory.mktemp("influxdb"))
    found.make_bucket()
    yield found
    found.close()


@asynccontextmanager
async def store(database: InfluxDB, **changes: Any) -> AsyncGenerator[InfluxDBStore]:
    settings: dict[str, Any] = {
        "url": f"http://127.0.0.1:{database.port}",
        "token": database.token,
        "org": database.org,
        "bucket": database.bucket,
    } | changes
    made = InfluxDBStore(retention_days=0, **settings | {"token": SecretStr(settings["token"])})
    try:
        yield made
    finally:
        await made.aclose()


async def used(made: InfluxDBStore) -> None:
    await made.prepare()
    await made.mark("home")


async def refusal(made: InfluxDBStore) -> tuple[str, str]:
    """Return code and sentence of the error that everything ends in, the same each time."""
    said = set()
    for _ in range(2):
        with pytest.raises((Unavailable, CredentialsRefused)) as raised:
            await used(made)
        said.add((str(raised.value.code), str(raised.value)))
    [found] = said
    return found


SCOPED = {"read-only": ("read",), "write-only": ("write",), "read-write": ("read", "write")}
UNUSABLE: dict[str, tuple[dict[str, str], str, str]] = {
    "wrong org": ({"org": "nobody"}, "http_404", "there is no organisation nobody"),
    "wrong org, scoped token": (
        {"org": "nobody", "token": "read-write"}, "http_404", "there is no organisation nobody",
    ),
    "wrong bucket, scoped token": (
        {"bucket": "nothing", "token": "read-write"}, "http_404", "there is no bucket nothing in",
    ),
    "read-only token": ({"token": "read-only"}, "http_403", "INFLUXDB_TOKEN may not write to the bucket"),
    "write-only token": ({"token": "write-only"}, "http_404", "INFLUXDB_TOKEN may not read the bucket"),
    "unknown token": ({"token": "nonsense"}, "http_401", "InfluxDB does not know INFLUXDB_TOKEN"),
    "URL with a path": ({"path": "/api/v2"}, "wrong_server", "are host, port and path in INFLUXDB_URL right?"),
}  # fmt: skip


TOLD = {"write-only token": "INFLUXDB_TOKEN may write to the bucket"}
"""What `check` says, which knows more then."""


@pytest.mark.parametrize("case", UNUSABLE)
async def test_what_is_wrong_with_the_settings_is_told(case: str, database: InfluxDB) -> None:
    changes, code, words = UNUSABLE[case]
    changes = dict(changes)
    if path := changes.pop("path", ""):
        changes["url"] = f"http://127.0.0.1:{database.port}{path}"
    if (scope := changes.get("token")) in SCOPED:
        changes["token"] = database.token_that_may(*SCOPED[scope])
    async with store(database, **changes) as made:
        said = await refusal(made)
        assert (said[0], words in said[1]) == (code, True), said
        [server, bucket] = await made.check()
        assert (server.works, bucket.works, TOLD.get(case, words) in bucket.detail) == (True, False, True), bucket


async def test_a_scoped_token_writes_and_reads(database: InfluxDB) -> None:
    async with store(database, token=database.token_that_may("read", "write")) as made:
        await made.prepare()
        await made.write([event(1)])
        assert await made.recent(limit=1) == [event(1)]
        assert [finding.works for finding in await made.check()] == [True, True]


async def test_a_missing_bucket_is_made_by_a_token_that_may(database: InfluxDB) -> None:
    async with store(database, bucket=f"{database.bucket}-more") as made:
        assert [finding.works for finding in await made.check()] == [True, True]
        await made.prepare()
        await made.write([event(1)])
        assert await made.recent(limit=1) == [event(1)]


HTML = b"content-type: text/html\r\n\r\n<html>"
OTHERS: dict[str, tuple[bytes, str, str]] = {
    "a page": (b"200 OK\r\n" + HTML, "wrong_server", "no InfluxDB 2 (HTTP 200)"),
    "JSON": (b'200 OK\r\n\r\n{"message": "welcome"}', "wrong_server", "no InfluxDB 2 (HTTP 200)"),
    "no such page": (b"404 Not Found\r\n" + HTML, "wrong_server", "no InfluxDB 2 (HTTP 404)"),
    "not so": (b"405 Method Not Allowed\r\n" + HTML, "wrong_server", "no InfluxDB 2 (HTTP 405)"),
    "a log-in": (b"401 Unauthorized\r\nwww-authenticate: Basic\r\n" + HTML, "http_401", "wants a log-in of its own"),
    "a redirect": (
        b"301 Moved\r\nlocation: https://db.local/\r\n\r\n", "wrong_server", "a redirect to https://db.local/:",
    ),
    "https": (
        b"400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n", "wrong_server", "with https://",
    ),
    "InfluxDB 1": (b"204 No Content\r\nx-influxdb-version: 1.6.7\r\n\r\n", "wrong_server", "InfluxDB 1.6.7, and"),
    "InfluxDB 3": (b"200 OK\r\nx-influxdb-version: 3.0.1\r\n\r\n{}", "wrong_server", "InfluxDB 3.0.1, and"),
    "takes everything": (b"204 No Content\r\n\r\n", "wrong_server", "no InfluxDB 2"),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHERS)
async def test_another_server_is_told(case: str, database: InfluxDB) -> None:
    answer, code, words = OTHERS[case]

    async def give(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 " + answer.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1))
        await stream.aclose()

    async with listening(give) as url, store(database, url=url) as made:
        said = await refusal(made)
        assert (said[0], words in said[1]) == (code, True), said
        for ask in (partial(made.mark, "home"), partial(made.recent, limit=1), partial(made.set_retention, 1)):
            with pytest.raises((Unavailable, CredentialsRefused)):
                await ask()
        if case not in {"takes everything", "InfluxDB 1"}:
            with pytest.raises(IngestorError):
                await made.write([event(1)])
        assert not all(finding.works for finding in await made.check())


HOST = b"x-server-hostname: db\r\n"
NOT_KNOWN = b"401 Unauthorized\r\n\r\n"
PROGRAMS: dict[str, tuple[dict[bytes, bytes], str]] = {
    "VictoriaMetrics": (
        {
            b"/ping": b"204 No Content\r\n" + HOST + b"\r\n",
            b"/-/healthy": b"200 OK\r\n" + HOST + b"\r\nVictoriaMetrics is Healthy.\n",
            b"/health": b"200 OK\r\n" + HOST + b"\r\nOK",
            b"/api/v2/write": b"204 No Content\r\n" + HOST + b"\r\n",
            b"/query": b'200 OK\r\n\r\n{"results":[{"series":[{"columns":["name"],"values":[["_internal"]]}]}]}',
        },
        "is VictoriaMetrics, and InfluxDB 2.7 is needed",
    ),
    "Prometheus": (
        {b"/-/healthy": b"200 OK\r\n\r\nPrometheus Server is Healthy.\n"},
        "is Prometheus, and InfluxDB 2.7 is needed",
    ),
    "InfluxDB 1.8": (
        {b"/ping": b"204 No Content\r\nX-Influxdb-Build: OSS\r\nX-Influxdb-Version: 1.8.10\r\n\r\n"},
        "is InfluxDB 1.8.10, and InfluxDB 2.7 is needed",
    ),
    "InfluxDB Enterprise 1": (
        {b"/ping": b"204 No Content\r\nX-Influxdb-Build: ENT\r\nX-Influxdb-Version: 1.11.5-c1.11.5\r\n\r\n"},
        "is InfluxDB 1.11.5-c1.11.5, and InfluxDB 2.7 is needed",
    ),
    "InfluxDB 3 Core": (
        {
            b"/ping": b"200 OK\r\nx-influxdb-version: 3.11.0\r\nx-influxdb-build: Core\r\n\r\n"
            b'{"version":"3.11.0","revision":"e0bae40187","process_id":"1"}'
        },
        "is InfluxDB 3.11.0, and InfluxDB 2.7 is needed",
    ),
    "InfluxDB 3 that does not know the token": (
        dict.fromkeys((b"/ping", b"/-/healthy", b"/api/v2/write"), NOT_KNOWN),
        "or it is an InfluxDB 3, and InfluxDB 2.7 is needed",
    ),
}
"""What other programs answer by their paths, as their documentation and their users have it; else it is 404."""


@pytest.mark.parametrize("case", PROGRAMS)
async def test_another_program_is_named(case: str, database: InfluxDB) -> None:
    answers, words = PROGRAMS[case]

    async def give(stream: trio.SocketStream) -> None:
        path = (await stream.receive_some()).split(b" ")[1].partition(b"?")[0]
        answer = answers.get(path, b"404 Not Found\r\n\r\n404 page not found\n")
        await stream.send_all(b"HTTP/1.1 " + answer.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1))
        await stream.aclose()

    async with listening(give) as url, store(database, url=url) as made:
        said = await refusal(made)
        assert said[1].endswith(words), said
        assert any(not one.works and one.detail.endswith(words) for one in await made.check())


ODD_ROWS: dict[str, bytes] = {
    "nested": b'{"results": [{"series": [{"columns": ["time"], "values": ' + b"[" * 100_000,
    "no such column": b'{"results": [{"series": [{"columns": ["when"], "values": [[1]]}]}]}',
    "no number": b'{"results": [{"series": [{"columns": ["time", "batch"], "values": [["now", [1]]]}]}]}',
    "no row of ours": b'{"results": [{"series": [{"columns": ["time", "batch", "entity_id", "home", "domain"],'
    b' "values": [[99999999999999999999, 18446744073709551616, 5, {}, true]]}]}]}',
}


@pytest.mark.parametrize("case", ODD_ROWS)
async def test_rows_that_are_none_of_influxdb_are_told_or_skipped(case: str, database: InfluxDB) -> None:
    body = ODD_ROWS[case]

    async def give(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + body)
        await stream.aclose()

    async with listening(give) as url, store(database, url=url) as made:
        for ask in (partial(made.mark, "home"), partial(made.oldest_ns, "home")):
            with pytest.raises(Unavailable) as raised:
                await ask()
            assert raised.value.code == "wrong_server"
        for read in (partial(made.recent, limit=1), partial(made.newest, "home"), partial(made.keys, "home", 0, 1)):
            with suppress(Unavailable):
                assert not await read()


async def test_a_certificate_and_a_wrong_scheme_are_told(database: InfluxDB, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name, words in (("127.0.0.1", ""), ("db.local", "is for db.local, not for its address: set INFLUXDB_URL")):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(name).configure_cert(context)
        async with forwarding(database.port, context) as port:
            async with store(database, url=f"https://127.0.0.1:{port}") as made:
                code, sentence = await refusal(made)
                assert code == "tls"
                assert f"is for {name}, and is not trusted (" in sentence
                assert sentence.endswith(": set INFLUXDB_CA_FILE to its CA, or to itself where it is its own")
            async with store(database, url=f"https://127.0.0.1:{port}", ca_file=tmp_path / "ca.pem") as made:
                if words:
                    assert words in (await refusal(made))[1]
                else:
                    await made.prepare()
                    await made.write([event(1)])
                    assert event(1) in await made.recent(limit=9)
    async with store(database, url=f"https://127.0.0.1:{database.port}") as made:
        code, sentence = await refusal(made)
        assert (code, sentence.endswith("speaks no TLS: begin INFLUXDB_URL with http://")) == ("tls", True)


@asynccontextmanager
async def forwarding(goal: int, context: ssl.SSLContext) -> AsyncGenerator[int]:
    """Hold a port that passes everything on, behind TLS."""

    async def carry(source: trio.abc.ReceiveStream, sink: trio.abc.SendStream) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while data := await source.receive_some():
                await sink.send_all(data)
        await trio.aclose_forcefully(sink)

    async def serve(plain: trio.SocketStream) -> None:
        client = trio.SSLStream(plain, context, server_side=True, https_compatible=True)
        server = await trio.open_tcp_stream("127.0.0.1", goal)
        async with server, trio.open_nursery() as nursery:
            nursery.start_soon(carry, client, server)
            nursery.start_soon(carry, server, client)

    async with listening(serve) as url:
        yield int(url.rpartition(":")[2])


async def test_rows_of_another_program_are_skipped_counted_and_hide_none_of_ours(database: InfluxDB) -> None:
    heard: list[facts.Fact] = []
    bucket = f"{database.bucket}-foreign"
    later_ns, another_shard_ns = START_NS + 60 * SECOND_NS, START_NS - MONTH_NS
    foreign = [
        f"home_assistant_events state=5,value=1,removed=3 {another_shard_ns}",
        f'home_assistant_events,home=home,entity_id=sensor.number_1 value="much",state=7 {another_shard_ns - MONTH_NS}',
        f'home_assistant_events,home=home,entity_id=sensor.number_1 state="mine" {later_ns}',
        f'home_assistant_events,home=home state="mine" {later_ns}',
        f'home_assistant_events,home=home,domain=sensor state="mine" {later_ns + 1}',
        f"home_assistant_events,home=home,domain=sensor,entity_id=sensor.number_2 removed=1 {another_shard_ns}",
        f'home_assistant_events,home=home,entity_id=sensor.number_1 persons_home="all" {another_shard_ns}',
        f'ingestor_marks,home=home batch="much" {another_shard_ns}',
        f'home_assistant_events home="home",entity_id="sensor.number_1",domain="sensor" {another_shard_ns}',
        f"home_assistant_events,home=home,entity_id=sensor.number_1 persons_home=1i {another_shard_ns - 2 * MONTH_NS}",
        f'ingestor_marks home="home",other=7i {another_shard_ns}',
        f"ingestor_marks,home=home batch=-9223372036854775808i {START_NS + SECOND_NS}",
        f"ingestor_marks,home=home batch=9223372036854775807i {START_NS + 2 * SECOND_NS}",
        f"ingestor_marks,home=home batch=1e18 {another_shard_ns - MONTH_NS}",
    ]
    async with store(database, bucket=bucket) as made:
        made._report = heard.append
        await made.prepare()
        for line in foreign:
            made._write_api.write(bucket=bucket, org=database.org, record=line)
        assert (await made.mark("home"), await made.recent(limit=9), await made.keys("home", 0, 2 * later_ns)) == (
            (0, [], {})
        )
        assert (await made.newest("home"), await made.count_since("home", 0)) == ([], 0)
        await made.write([event(1), removal(2), StoreMark(time_ns=START_NS, home="home", batch=8)])
        assert await made.mark("home") == 8
        assert await made.recent(limit=2) == [removal(2), event(1)]
        assert await made.recent(limit=2, entity_id="sensor.number_1") == [event(1)]
        assert await made.count_since("home", 0) == 2
        keys = {"sensor.number_1": {event(1).time_ns}, "sensor.number_2": {removal(2).time_ns}}
        assert await made.keys("home", 0, 2 * later_ns) == keys
        newest = {one.series.entity_id: {one.at_ns} for one in await made.newest("home")}
        assert newest == keys
        assert await made.oldest_ns("home") is None
        for tags, at_ns in (
            ("domain=sensor,entity_id=sensor.late", 2**63 - 2),
            ("domain=sensor,entity_id=sensor.early", 2 - 2**63),
            ("domain=light,entity_id=sensor.other", START_NS),
            ("domain=sensor,entity_id=no\\ id", START_NS),
            ("domain=sensor,entity_id=sensor.Ü", START_NS),
        ):
            line = f'home_assistant_events,{tags},home=home state="mine",persons_home=1i {at_ns}'
            made._write_api.write(bucket=bucket, org=database.org, record=line)
        assert {one.series.entity_id: {one.at_ns} for one in await made.newest("home")} == keys
        assert await made.oldest_ns("home") == START_NS
    assert {type(fact) for fact in heard} == {facts.RowsSkipped}


async def test_a_proxy_of_the_environment_stands_in_nobodys_way(
    database: InfluxDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with store(database) as made:
        await used(made)
        await made.write([event(1)])


@pytest.fixture
def home() -> Generator[SimHome]:
    with simulated_home() as started:
        yield started


@pytest.mark.parametrize(("case", "words"), [
    ("wrong org", "there is no organisation"), ("write-only token", "may not read"),
    ("URL with a path", "host, port and path"), ("a web server", "no InfluxDB 2"),
])  # fmt: skip
def test_what_comes_meanwhile_waits_and_is_stored_once_it_is_mended(
    case: str, words: str, database: InfluxDB, home: SimHome, tmp_path: Path
) -> None:
    database.bucket = f"bucket of {case}"
    database.make_bucket()
    right = database.settings(f"http://127.0.0.1:{database.port}")
    wrong = {
        "wrong org": lambda: {"INFLUXDB_ORG": "nobody"},
        "write-only token": lambda: {"INFLUXDB_TOKEN": database.token_that_may("write")},
        "URL with a path": lambda: {"INFLUXDB_URL": f"{right['INFLUXDB_URL']}/somewhere"},
        "a web server": lambda: {"INFLUXDB_URL": home.url},
    }[case]()
    unusable = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token, **right | wrong)
    with unusable.running():
        unusable.wait_connected()
        wait_until(lambda: words in unusable.get("/health")["problems"].get("database", ""), f"it says {words}", 20)
        home.run(count=50, rate=1000)
        wait_until(lambda: "\ningestor_pending_events 0" not in unusable.text("/metrics"), "they wait", 10)
    assert "Traceback" not in unusable.log
    mended = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token, **right)
    with mended.running():
        mended.wait_connected()
        wait_until(lambda: "database" not in mended.get("/health")["problems"], "it is stored", 20)
        home.run(count=10, rate=1000)
    rows = database.rows()
    found = compare(expected(home.truth()), [row for row in rows if row["home"] == "home"])
    assert (found["missing"], found["doubled"]) == (0, 0)
