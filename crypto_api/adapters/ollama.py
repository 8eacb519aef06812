"""The local language model, through Ollama. It gets text and gives a filled-in form; it has no tools and no way to anything else."""

import asyncio
import time
from typing import Any

import httpx
import orjson
from ollama import AsyncClient, ResponseError

from crypto_api.kit import log

logger = log.get(__name__)

INPUT_MAX = 20_000  # characters
ANSWER_MAX = 20_000
_TOKENS_MAX = 512
_CONTEXT_TOKENS = 8_192
_EXPECTED = (ResponseError, httpx.HTTPError, ConnectionError, TimeoutError, ValueError)


class OllamaModel:
    """A client for each question: none is kept open, and a model that was restarted is simply there again."""

    def __init__(self, base_url: str, model: str, *, api_key: str = "", timeout_s: float = 20.0) -> None:
        self._base_url = base_url
        self._model = model
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout_s = timeout_s

    @property
    def name(self) -> str:
        return self._model

    async def answer(self, *, system: str, prompt: str, schema: dict[str, Any]) -> dict[str, Any] | None:
        """An object with the fields of that JSON schema; None, with a warning in the log, when the model is unreachable, slow or answers
        anything else. Never raises for what the model does."""
        if len(system) + len(prompt) > INPUT_MAX:
            logger.warning("question too long for the model", model=self._model, characters=len(system) + len(prompt))
            return None
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                content = await self._ask(system, prompt, schema)
            answer = _read(content, schema)
        except _EXPECTED as error:
            logger.warning(
                "no answer from the model",
                model=self._model,
                reason=f"{type(error).__name__}: {error}"[:200],
                seconds=round(time.monotonic() - started, 2),
            )
            return None
        return answer

    async def _ask(self, system: str, prompt: str, schema: dict[str, Any]) -> str:
        # A redirect would take the key elsewhere.
        async with AsyncClient(host=self._base_url, headers=self._headers, timeout=self._timeout_s, follow_redirects=False) as client:
            response = await client.chat(
                model=self._model,
                messages=[{"role": "system", "content": system}, {"role": "user", "content": prompt}],
                format=schema,
                options={"temperature": 0, "seed": 7, "num_predict": _TOKENS_MAX, "num_ctx": _CONTEXT_TOKENS},
            )
        if response.done_reason not in (None, "stop"):
            raise ValueError(f"the answer was cut off ({response.done_reason})")
        return response.message.content or ""


def _read(content: str, schema: dict[str, Any]) -> dict[str, Any]:
    """ValueError for anything but an object with exactly the fields of the schema. What the fields hold is for the caller to judge."""
    if len(content) > ANSWER_MAX:
        raise ValueError("the answer is too long")
    answer = orjson.loads(content)
    if not isinstance(answer, dict):
        raise ValueError("the answer is not an object")
    known, required = set(schema.get("properties", {})), set(schema.get("required", []))
    if not required <= answer.keys() or not answer.keys() <= known:
        raise ValueError("the answer does not have the fields of the form")
    return answer
