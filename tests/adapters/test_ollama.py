"""The model behind its port: an answer that fits the form, or nothing; never an exception."""

import time
from collections.abc import AsyncIterator

import pytest

from crypto_api.adapters.ollama import OllamaModel
from tests.factories.ollama import OllamaServer, ollama_server

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
