"""The API keeps to what its OpenAPI says, whatever it is asked: schemathesis makes requests of it, right and wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.servers.asking import CLIENT
from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until
from tests.servers.simulated_home import SimHome

TOKEN = "the-api-token"  # noqa: S105  it opens nothing
EXAMPLES = 40
SEED = 1
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Generator[Ingestor]:
    home = SimHome()
    home.start()
    ours = Ingestor(tmp_path_factory.mktemp("ours"), HA_URL=home.url, HA_TOKEN=home.token, API_TOKEN=TOKEN)
    ours.start()
    wait_until(lambda: (ours.get("/health") or {}).get("status") == "healthy", "healthy", 30)
    yield ours
    assert ours.get("/health") == {"status": "healthy", "problems": {}, "warnings": {}, "codes": {}}
    assert ours.stop() == 0
    home.stop()
    assert "Traceback" not in ours.log


def test_no_request_gets_an_answer_that_is_not_written_down(service: Ingestor) -> None:
    described = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    operations = [found.ok() for found in described.get_all_operations() if isinstance(found, Ok)]
    statuses: Counter[int] = Counter()
    for operation in operations:
        for mode in GenerationMode:  # what fits the description, and what does not

            @seed(SEED)
            @settings(max_examples=EXAMPLES, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: schemathesis.Case[Any]) -> None:
                answer = case.call(headers={"authorization": f"Bearer {TOKEN}"}, timeout=10)
                statuses[answer.status_code] += 1
                case.validate_response(answer, checks=CHECKS)

            with suppress(Unsatisfiable):  # nothing that is sent to it could be wrong
                ask()
    assert len(operations) >= 20
    assert {200, 400, 404} <= set(statuses)


def test_every_answer_of_the_doors_is_written_down_with_its_shape(service: Ingestor) -> None:
    told = service.get("/openapi.json")
    assert told["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    failure = {"$ref": "#/components/schemas/Failure"}
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            answers = operation["responses"]
            guarded = {"401", "408", "413", "503"} if path.startswith("/api/") else set()
            assert {"200", "400", "403"} | guarded <= set(answers), (method, path)
            assert (operation.get("security") == [{"HTTPBearer": []}]) is bool(guarded), (method, path)
            for status in {"400", "403", "404", "409"} & set(answers) | guarded:
                assert answers[status]["content"]["application/json"]["schema"] == failure, (method, path, status)
            assert "422" not in answers


def test_the_probe_answers_head_and_the_page_to_read_loads_nothing(service: Ingestor) -> None:
    for path in ("/health", "/docs"):
        assert CLIENT.get(service.url + path).status_code == 200
    answer = CLIENT.head(f"{service.url}/health")
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"", "application/json")
    page = CLIENT.get(f"{service.url}/docs")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "//" not in page.text
    assert "<script" not in page.text
    assert "POST /api/quarantine/drop" in page.text
