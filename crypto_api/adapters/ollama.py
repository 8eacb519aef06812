"""The local language model, through Ollama. It gets text and gives a filled-in form; it has no tools and no way to anything else."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
from ollama import AsyncClient, ResponseError

from crypto_api.kit import log
from crypto_api.kit.language_model import Answer, prompt_hash

logger = log.get(__name__)

INPUT_MAX = 20_000  # characters
ANSWER_MAX = 20_000
_TOKENS_MAX = 512
_CONTEXT_TOKENS = 8_192
_DIGEST_KEPT_S = 300.0
_EXPECTED = (ResponseError, httpx.HTTPError, ConnectionError, TimeoutError, ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Pulled:
    """How far a download is: `done` of `total` bytes of the part that `what` names, where it has a size."""

    what: str
    done: int
    total: int


class PullFailed(Exception):
    """The weights were not fetched, or not all of them."""


class OllamaModel:
    """A client for each question: none is kept open, and a model that was restarted is simply there again. No more than `concurrency` questions are
    asked at a time: the others wait, and their time only runs from when they are asked. Where `pinned` is not empty, weights whose digest does not
    begin with it are not asked. Of a server over TLS `ca_file` has the authority that vouches for it, where the system believes none that does."""

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str = "",
        timeout_s: float = 20.0,
        concurrency: int = 1,
        keep_alive: str = "5m",
        pinned: str = "",
        ca_file: Path | None = None,
    ) -> None:
        self._base_url = base_url
        self._model = model
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout_s = timeout_s
        self._keep_alive = keep_alive
        self._pinned = pinned.removeprefix("sha256:")
        self._verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=ca_file) if ca_file else True
        self._turns = asyncio.Semaphore(concurrency)
        self._digest: tuple[str, float] | None = None  # and when it was read

    @property
    def name(self) -> str:
        return self._model

    async def answer(self, *, system: str, prompt: str, schema: dict[str, Any]) -> dict[str, Any] | None:
        """The fields of what `ask` answers."""
        said = await self.ask(system=system, prompt=prompt, schema=schema)
        return None if said is None else said.fields

    async def ask(self, *, system: str, prompt: str, schema: dict[str, Any]) -> Answer | None:
        """An object with the fields of that JSON schema; None, with a warning in the log, when the model is unreachable, slow or answers
        anything else. Never raises for what the model does."""
        if len(system) + len(prompt) > INPUT_MAX:
            logger.warning("question too long for the model", model=self._model, characters=len(system) + len(prompt))
            return None
        async with self._turns:
            return await self._answer(system, prompt, schema)

    async def _answer(self, system: str, prompt: str, schema: dict[str, Any]) -> Answer | None:
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                digest = await self._known_digest()
                fields = _read(await self._said(system, prompt, schema), schema)
        except _EXPECTED as error:
            self._digest = None  # another model may be there when it answers again
            logger.warning(
                "no answer from the model",
                model=self._model,
                reason=f"{type(error).__name__}: {error}"[:200],
                seconds=round(time.monotonic() - started, 2),
            )
            return None
        return Answer(fields, digest, prompt_hash(self._model, system, prompt, schema), round((time.monotonic() - started) * 1000))

    def _client(self) -> AsyncClient:
        # A redirect would take the key elsewhere.
        return AsyncClient(host=self._base_url, headers=self._headers, timeout=self._timeout_s, follow_redirects=False, verify=self._verify)

    async def _said(self, system: str, prompt: str, schema: dict[str, Any]) -> str:
        """Piece by piece as it is said, so that one that goes on for ever is cut off."""
        said: list[str] = []
        length = 0
        async with self._client() as client:
            parts = await client.chat(
                model=self._model,
                messages=[{"role": "system", "content": system}, {"role": "user", "content": prompt}],
                format=schema,
                stream=True,
                keep_alive=self._keep_alive,
                options={"temperature": 0, "seed": 7, "num_predict": _TOKENS_MAX, "num_ctx": _CONTEXT_TOKENS},
            )
            async for part in parts:
                said.append(part.message.content or "")
                length += len(said[-1])
                if length > ANSWER_MAX:
                    raise ValueError("the answer is too long")
                if part.done:
                    if part.done_reason not in (None, "stop"):
                        raise ValueError(f"the answer was cut off ({part.done_reason})")
                    return "".join(said)
        raise ValueError("the answer ended before its end")

    # ---- which model is there ------------------------------------------------------------------------------------------------------

    async def digest(self) -> str | None:
        """Of the weights under the model's name, as the server lists them; None where it has no such model. Raises whatever a server that is away,
        or is no Ollama, makes happen."""
        async with self._client() as client:
            listed = await client.list()
        wanted = {self._model, f"{self._model}:latest"}
        return next((row.digest for row in listed.models if row.model in wanted), None)

    async def _known_digest(self) -> str | None:
        """Read again after a while, and after a question that failed. None where the server does not tell: it may still answer."""
        if self._digest is not None and time.monotonic() - self._digest[1] < _DIGEST_KEPT_S:
            return self._digest[0]
        try:
            found = await self.digest()
        except ResponseError:
            found = None
        if self._are_others(found):
            raise ValueError(f"other weights than those that were asked for: {found}")
        if found is not None:
            self._digest = (found, time.monotonic())
        return found

    async def fault(self) -> str | None:
        """Why it cannot be asked, in a sentence; None when it can."""
        try:
            found = await self.digest()
        except _EXPECTED:
            return "the model server does not answer: rules and memory go on without it"
        if found is None:
            return f"the model server has no model {self._model}: manage.py pull_model fetches it"
        if self._are_others(found):
            return f"the model server has other weights under the name {self._model} than LLM_MODEL_DIGEST says: {found[:12]}; they are not asked"
        return None

    def _are_others(self, digest: str | None) -> bool:
        return bool(self._pinned) and (digest is None or not digest.removeprefix("sha256:").startswith(self._pinned))

    async def pull(self, told: Callable[[Pulled], None]) -> str:
        """Fetches the weights through the server, telling how far it is; returns their digest. PullFailed where it does not come to its end."""
        try:
            return await self._pull(told)
        except _EXPECTED as error:
            raise PullFailed(str(error)[:300] or type(error).__name__) from error

    async def _pull(self, told: Callable[[Pulled], None]) -> str:
        async with AsyncClient(host=self._base_url, headers=self._headers, timeout=None, follow_redirects=False, verify=self._verify) as client:
            steps: AsyncIterator[Any] = await client.pull(self._model, stream=True)
            last = ""
            async for step in steps:
                last = step.status or ""
                told(Pulled(last, step.completed or 0, step.total or 0))
        found = await self.digest()
        if last != "success" or found is None:
            raise ResponseError(f"the download ended with {last!r}, and the server does not list the model")
        if self._are_others(found):
            raise ResponseError(f"its digest is {found}, and LLM_MODEL_DIGEST says another")
        return found


def _read(content: str, schema: dict[str, Any]) -> dict[str, Any]:
    """ValueError for anything but an object with exactly the fields of the schema. What the fields hold is for the caller to judge."""
    answer = orjson.loads(content)
    if not isinstance(answer, dict):
        raise ValueError("the answer is not an object")
    known, required = set(schema.get("properties", {})), set(schema.get("required", []))
    if not required <= answer.keys() or not answer.keys() <= known:
        raise ValueError("the answer does not have the fields of the form")
    return answer
