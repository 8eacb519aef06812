"""A payment of the sample organisation over its API: every process takes part, and nobody does anything by hand."""

import asyncio
import time

import httpx
import pytest
from eth_account import Account

from crypto_project.demo.world import DemoWorld
from tests.e2e.conftest import BACK_WITHIN_S, LOADED_MACHINE, PAYER, Installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


async def test_it_is_signed_sent_confirmed_and_booked(installation: Installation) -> None:
    world = installation.shell.world
    assert isinstance(world, DemoWorld)
    to = str(Account.create().address)
    async with httpx.AsyncClient(base_url=installation.shell.base_url, timeout=60) as http:
        logged_in = await http.post("/api/auth/login/", json={"email": world.admin["email"], "password": world.admin["password"]})
        http.headers["Authorization"] = f"Bearer {logged_in.json()['access']}"
        confirmed = await http.post("/api/auth/confirm-password/", json={"password": world.admin["password"]})
        assert confirmed.status_code == 200, confirmed.text
        (wallet,) = (await http.get("/api/wallets/", params={"q": "Payouts"})).json()["items"]
        await installation.actor.send(PAYER, wallet["address"], value=10**18)
        await installation.actor.mine()
        sent = await http.post("/api/blockchain/send-eth/", json={"wallet_id": wallet["id"], "to": to, "amount": "0.01"})
        assert sent.status_code == 202, sent.text
        payment = await _until_it_ends(installation, http, sent.json()["id"])
        assert (payment["state"], payment["holds"]) == ("CONFIRMED", [])
        balance = await installation.actor.rpc("eth_getBalance", to, "latest")
        assert int(balance, 16) == 10**16
        row = await http.get(f"/api/transactions/{payment['transaction_id']}/")
        assert (row.status_code, row.json()["hash"], row.json()["gas_fee_raw"]) == (200, payment["hash"], payment["gas_fee_raw"])


async def _until_it_ends(installation: Installation, http: httpx.AsyncClient, payment_id: str) -> dict[str, object]:
    deadline = time.monotonic() + 3 * BACK_WITHIN_S * LOADED_MACHINE
    while True:
        payment: dict[str, object] = (await http.get(f"/api/payments/{payment_id}/")).json()
        if payment["ended_at"] is not None:
            return payment
        assert time.monotonic() < deadline, payment
        await installation.actor.mine()
        await asyncio.sleep(0.3)
