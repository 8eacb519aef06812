"""What a language model said, with what is needed to trace it."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Answer:
    fields: dict[str, Any]  # of the form that was asked for; what they hold is for the caller to judge
    digest: str | None  # of the weights, as the server tells it; None where it does not
    prompt_hash: str  # SHA-256 in hex
    duration_ms: int


def prompt_hash(model: str, system: str, prompt: str, schema: Mapping[str, Any]) -> str:
    """Of all that the answer depends on, but the weights."""
    return sha256(orjson.dumps([model, system, prompt, schema], option=orjson.OPT_SORT_KEYS)).hexdigest()
