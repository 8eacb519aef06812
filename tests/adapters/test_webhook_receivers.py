"""Whom webhooks may reach at all: those that the installation allows, over TLS."""

import pytest

from crypto_api.adapters.webhook_receivers import WebhookReceivers
from crypto_api.config import Config
from tests.conftest import TEST_SECRET_KEY

LISTED = ["hooks.example.com", "*.partner.example"]


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("https://hooks.example.com/x", None),
        ("https://HOOKS.example.com:8443/x", None),
        ("https://a.partner.example/", None),
        ("https://a.b.partner.example/", None),
        ("https://partner.example/", "allows"),
        ("https://evilpartner.example/", "allows"),
        ("https://hooks.example.com.evil.example/", "allows"),
        ("https://evil.example/hooks.example.com", "allows"),
        ("https://93.184.215.14/", "allows"),
        ("http://hooks.example.com/x", "TLS"),
        ("https://127.0.0.1/", "open internet"),
        ("https://inside:8443/", None),
        ("http://inside:8443/", "TLS"),
        ("http://localhost:9000/", None),
    ],
)
async def test_who_is_on_the_list(url: str, refused: str | None) -> None:
    receivers = WebhookReceivers(["inside:8443", "localhost:9000"], allowed=LISTED, in_the_clear=False)
    told = receivers.refusal(url)
    assert (told is None) is (refused is None) and (refused or "") in (told or ""), told


async def test_who_is_no_longer_on_it_is_not_asked() -> None:
    async with WebhookReceivers(allowed=[]) as nobody:
        answered = await nobody.post("https://hooks.example.com/x", b"{}", {})
        assert (answered.status, answered.problem) == (None, "is none of the receivers that this installation allows")


def test_none_is_a_list_as_well() -> None:
    values = {"secret_key": TEST_SECRET_KEY, "webhook_hosts": "hooks.example.com, *.partner.example"}
    assert Config(_env_file=None, **values).webhook_hosts == LISTED  # type: ignore[call-arg,arg-type]
    assert Config(_env_file=None, **values | {"webhook_hosts": ""}).webhook_hosts == []  # type: ignore[call-arg,arg-type]
