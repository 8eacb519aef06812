"""`pull_model`: the weights of the configured language model, through its server."""

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crypto_api.adapters.ollama import OllamaModel, Pulled, PullFailed
from crypto_api.config import Config, load_config
from crypto_project.management.running import plain_failures


class Command(BaseCommand):
    help = "Has the model's server (LLM_BASE_URL) fetch LLM_MODEL_NAME, telling how far it is. Done again, it fetches what is missing."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="only say whether the server answers and has the model")

    def handle(self, *, check: bool, **_: Any) -> None:
        with plain_failures():
            config = load_config()
            if not config.llm_base_url:
                raise CommandError("LLM_BASE_URL names no server: without a model everything is decided by rules, memory and people")
            asyncio.run(self._check(config) if check else self._pull(config))

    async def _check(self, config: Config) -> None:
        if (fault := await _model(config).fault()) is not None:
            raise CommandError(fault)
        self.stdout.write(f"{config.llm_model_name} is there, digest {await _model(config).digest()}")

    async def _pull(self, config: Config) -> None:
        told: tuple[str, int] | None = None

        def tell(step: Pulled) -> None:
            """A line for each step and each tenth of a part: a log of it can be read too."""
            nonlocal told
            tenth = step.done * 10 // step.total if step.total else 0
            if told != (step.what, tenth):
                told = (step.what, tenth)
                self.stdout.write(f"{step.what} {tenth * 10} % of {step.total:,} bytes" if step.total else step.what)

        try:
            digest = await _model(config).pull(tell)
        except PullFailed as error:
            raise CommandError(f"{config.llm_model_name} could not be fetched: {error}") from error
        self.stdout.write(f"{config.llm_model_name} is there, digest {digest}")


def _model(config: Config) -> OllamaModel:
    return OllamaModel(
        config.llm_base_url,
        config.llm_model_name,
        api_key=config.llm_api_key.get_secret_value(),
        timeout_s=config.llm_timeout_s,
        pinned=config.llm_model_digest,
        ca_file=config.llm_ca_file,
    )
