"""The model behind its port: an answer that fits the form, or nothing; never an exception."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from crypto_api.adapters.ollama import OllamaModel, PullFailed
from tests.factories.ollama import DIGEST, OllamaServer, ollama_server

SCHEMA = {"type": "object", "properties": {"label": {"type": "string"}, "note": {"type": "string"}}, "required": ["label"]}


@pytest.fixture
async def server() -> AsyncIterator[OllamaServer]:
    async with ollama_server() as running:
        yield running


async def ask(url: str, *, timeout_s: float = 5.0, prompt: str = "data", api_key: str = "") -> object:
    return await OllamaModel(url, "granite4:micro", api_key=api_key, timeout_s=timeout_s).answer(system="rules", prompt=prompt, schema=SCHEMA)


async def test_an_answer_of_the_form(server: OllamaServer) -> None:
    server.says(label="income", note="a receipt")
    assert await ask(server.url, api_key="k-1") == {"label": "income", "note": "a receipt"}
    (request,) = server.requests
    assert request["model"] == "granite4:micro"
    assert request["stream"] is True and request["keep_alive"] == "5m"
    assert request["format"] == SCHEMA
    assert request["options"]["temperature"] == 0 and request["options"]["num_predict"] > 0
    assert request["messages"] == [{"role": "system", "content": "rules"}, {"role": "user", "content": "data"}]
    assert "tools" not in request or not request["tools"]
    assert server.headers[0]["Authorization"] == "Bearer k-1"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "income",
        '"income"',
        "[]",
        "null",
        "12",
        '{"label": "x"',
        '{"note": "no label"}',
        '{"label": "x", "sql": "drop"}',
        '{"label": "' + "x" * 30_000 + '"}',
    ],
)
async def test_anything_but_the_form_is_no_answer(server: OllamaServer, content: str) -> None:
    server.content = content
    assert await ask(server.url) is None


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503, 302])
async def test_an_error_of_the_server_is_no_answer(server: OllamaServer, status: int) -> None:
    server.status = status
    assert await ask(server.url) is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b'{"error": "x"}', b'{"message": null}', b'{"message": {"content": 7}}', b"\xff\xfe"])
async def test_what_is_not_the_protocol_is_no_answer(server: OllamaServer, body: bytes) -> None:
    server.body = body
    assert await ask(server.url) is None


async def test_an_answer_that_was_cut_off_is_no_answer(server: OllamaServer) -> None:
    server.says(label="income")
    server.done_reason = "length"
    assert await ask(server.url) is None


async def test_a_slow_model_is_waited_for_no_longer_than_said(server: OllamaServer) -> None:
    server.delay_s = 30
    started = time.monotonic()
    assert await ask(server.url, timeout_s=0.2) is None
    assert time.monotonic() - started < server.delay_s / 2


async def test_no_server_is_no_answer(unused_tcp_port: int) -> None:
    assert await ask(f"http://127.0.0.1:{unused_tcp_port}") is None


async def test_a_question_beyond_the_bound_is_not_asked(server: OllamaServer) -> None:
    assert await ask(server.url, prompt="x" * 20_001) is None
    assert server.requests == []


async def test_a_model_that_came_back_answers(server: OllamaServer) -> None:
    model = OllamaModel(server.url, "granite4:micro", timeout_s=5)
    server.status = 503
    assert await model.answer(system="s", prompt="p", schema=SCHEMA) is None
    server.status = 200
    server.says(label="income")
    assert await model.answer(system="s", prompt="p", schema=SCHEMA) == {"label": "income"}


@pytest.mark.parametrize(
    "broken",
    [{"breaks_after": 1}, {"stops_after": 2}, {"stops_after": 0}, {"endless": True}, {"done_reason": "length"}, {"pause_s": 5.0}],
    ids=lambda broken: next(iter(broken)),
)
async def test_a_stream_that_goes_wrong_is_no_answer_and_the_next_is_one(server: OllamaServer, broken: dict[str, object]) -> None:
    model = OllamaModel(server.url, "granite4:micro", timeout_s=2.0)
    server.says(label="income", note="word by word")
    before = {name: getattr(server, name) for name in broken}
    for name, value in broken.items():
        setattr(server, name, value)
    assert await model.ask(system="rules", prompt="data", schema=SCHEMA) is None
    for name, value in before.items():
        setattr(server, name, value)
    said = await model.ask(system="rules", prompt="data", schema=SCHEMA)
    assert said is not None and said.fields == {"label": "income", "note": "word by word"}
    assert said.digest == DIGEST and len(said.prompt_hash) == 64 and said.duration_ms >= 0
    other = await model.ask(system="rules", prompt="other data", schema=SCHEMA)
    assert other is not None and other.prompt_hash != said.prompt_hash


async def test_no_more_questions_at_a_time_than_were_allowed(server: OllamaServer) -> None:
    server.says(label="income")
    server.delay_s = 0.05
    model = OllamaModel(server.url, "granite4:micro", timeout_s=30.0, concurrency=2)
    answers = await asyncio.gather(*(model.answer(system="rules", prompt=str(number), schema=SCHEMA) for number in range(8)))
    assert answers == [{"label": "income"}] * 8
    assert server.at_once_max == 2


async def test_it_says_what_is_wrong_and_fetches_the_weights(server: OllamaServer) -> None:
    model, steps = OllamaModel(server.url, "granite4:small"), []
    fault = await model.fault()
    assert fault is not None and "has no model granite4:small" in fault
    server.pull_fault = "pull model manifest: file does not exist"
    with pytest.raises(PullFailed, match="file does not exist"):
        await model.pull(steps.append)
    server.pull_fault = None
    steps.clear()
    assert await model.pull(steps.append) == DIGEST
    assert (400, 1_000) in [(step.done, step.total) for step in steps] and steps[-1].what == "success"
    assert await model.fault() is None
    away = await OllamaModel("http://127.0.0.1:1", "m", timeout_s=2.0).fault()
    assert away is not None and "does not answer" in away
