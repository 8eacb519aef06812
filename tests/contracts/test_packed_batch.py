"""The batch contracts on a real node, with payees and tokens of every kind. What is not paid must not have moved."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from crypto_api.kit.ethereum import checksummed
from crypto_api.payments.batch import (
    BATCH_CONTRACT,
    BATCH_DELEGATE,
    DEPLOYER,
    PAY_COIN,
    Share,
    batch_call,
    created_at,
    delegated_call,
    packed,
    read_batch,
    total,
    unpacked,
)
from crypto_api.payments.batch_code import PACKED_BATCH_DELEGATE_RUNTIME, PACKED_BATCH_RUNTIME
from crypto_api.payments.types import Call
from crypto_project.batch_contracts import MADE, compiled, module
from crypto_project.npm import ROOT
from tests.factories.batches import BatchNode, batch_node, call

PAYMENT_FAILED, MALFORMED, PULL_FAILED = "0x1e67017f", "0xc1f97e35", "0x01f903bc"
SENT_TOO_LITTLE, TOTAL_DIFFERS, ONLY_ITSELF = "0xbb7f775f", "0x4b4066f8", "0xcf41c12e"
ETHER = 10**18
SLITHER = ROOT / ".data" / "slither-0.11.6" / "bin" / "slither"
NOTHING, FALSE, TWO, ONE_BYTE, REVERT, TRUE_AND_MORE = range(6)


@pytest.fixture(scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BatchNode]:
    async with batch_node(tmp_path_factory.mktemp("batch")) as found:
        yield found


def payees(count: int, seed: int = 1) -> list[str]:
    dice = random.Random(seed)
    return [checksummed("0x" + dice.randbytes(20).hex()) for _ in range(count)]


def shares(count: int, seed: int = 1, most: int = ETHER) -> list[Share]:
    dice = random.Random(seed)
    return [Share(payee, dice.randint(1, most)) for payee in payees(count, seed)]


def failed_at(index: int) -> str:
    return PAYMENT_FAILED + f"{index:064x}"


def raw_call(listed: bytes, value: int = 0) -> Call:
    return call(BATCH_CONTRACT, "payCoin(bytes)", listed, value=value)


async def approved(node: BatchNode, name: str, amount: int) -> str:
    token = await node.deploy(name)
    await node.send(call(token, "mint(address,uint256)", node.account, amount))
    await node.send(call(token, "approve(address,uint256)", BATCH_CONTRACT, amount))
    return token


async def balances(node: BatchNode, rows: Sequence[Share], token: str | None = None) -> list[int]:
    return await node.balances([row.payee for row in rows], token)


# ---- its code --------------------------------------------------------------------------------------------------------------------


async def test_the_committed_code_is_what_the_sources_compile_to() -> None:
    assert module(await compiled()) == MADE.read_text(), "run `python -m crypto_project.batch_contracts` and commit both"


async def test_it_stands_where_its_code_says(node: BatchNode) -> None:
    assert await node.rpc("eth_getCode", BATCH_CONTRACT, "latest") == "0x" + PACKED_BATCH_RUNTIME.hex()
    assert await node.rpc("eth_getCode", BATCH_DELEGATE, "latest") == "0x" + PACKED_BATCH_DELEGATE_RUNTIME.hex()
    assert created_at(b"other") not in (BATCH_CONTRACT, BATCH_DELEGATE)
    assert await node.rpc("eth_getCode", DEPLOYER, "latest") != "0x"


@pytest.mark.skipif(not SLITHER.exists(), reason="Slither is not installed: run `.ci/audit-contracts` once")
async def test_slither_finds_nothing_high_or_medium() -> None:
    child = await asyncio.create_subprocess_exec(str(ROOT / ".ci" / "audit-contracts"), stdout=asyncio.subprocess.PIPE)
    said = (await child.communicate())[0].decode()
    assert child.returncode == 0, said
    assert "3 contracts" in said


async def test_it_writes_no_storage_and_has_no_door_for_an_owner() -> None:
    for runtime in (PACKED_BATCH_RUNTIME, PACKED_BATCH_DELEGATE_RUNTIME):
        found = opcodes(runtime)
        assert not found & {0x54, 0x55, 0x5C, 0x5D, 0xF0, 0xF2, 0xF4, 0xF5, 0xFF, 0x32}, "no storage, creation, foreign code, destruction, origin"


def opcodes(code: bytes) -> set[int]:
    """Without what is pushed."""
    found, at = set(), 0
    while at < len(code):
        found.add(code[at])
        at += 1 + (code[at] - 0x5F if 0x60 <= code[at] <= 0x7F else 0)
    return found


# ---- the coin --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 200, 500])
async def test_everybody_gets_exactly_their_share_of_the_coin(node: BatchNode, count: int) -> None:
    rows = shares(count, seed=count)
    for first in range(0, count, 250):  # so that they exist: 500 new accounts are above what a transaction may use
        await node.send(batch_call([Share(row.payee, 1) for row in rows[first : first + 250]], None))
    receipt = await node.send(batch_call(rows, None))
    assert await balances(node, rows) == [row.raw_amount + 1 for row in rows]
    assert await node.balance(BATCH_CONTRACT) == 0
    assert int(receipt["gasUsed"], 16) <= 22_100 + 9_870 * count


async def test_what_is_sent_above_the_sum_comes_back(node: BatchNode) -> None:
    rows, before = shares(3, seed=77), await node.balance(node.account)
    receipt = await node.send(raw_call(packed(rows), total(rows) + 5 * ETHER))
    gas = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    assert await node.balance(node.account) == before - gas - total(rows)
    assert await balances(node, rows) == [row.raw_amount for row in rows]
    assert await node.balance(BATCH_CONTRACT) == 0


async def test_too_little_sent_pays_nobody_even_from_what_lies_there(node: BatchNode) -> None:
    rows = [Share(payee, ETHER) for payee in payees(3, seed=78)]
    assert await node.fails(raw_call(packed(rows), 3 * ETHER - 1)) == failed_at(2)
    await node.rpc("anvil_setBalance", BATCH_CONTRACT, hex(9 * ETHER))  # forced upon it
    assert await node.fails(raw_call(packed(rows), 3 * ETHER - 1)) == SENT_TOO_LITTLE
    assert await balances(node, rows) == [0, 0, 0]
    assert await node.balance(BATCH_CONTRACT) == 9 * ETHER
    await node.rpc("anvil_setBalance", BATCH_CONTRACT, "0x0")


async def test_the_same_payee_twice_and_zero_amounts_are_what_they_say(node: BatchNode) -> None:
    twice, other, none = payees(3, seed=79)
    await node.send(batch_call([Share(twice, 5), Share(other, 7), Share(twice, 11), Share(none, 0), Share(twice, 5)], None))
    assert [await node.balance(each) for each in (twice, other, none)] == [21, 7, 0]


async def test_malformed_lists_pay_nobody(node: BatchNode) -> None:
    good = packed(shares(2, seed=80))
    bad = [b"", b"\x08", bytes([7]) + good[1:], bytes([13]) + bytes(33), bytes([255]) + bytes(275), good[:-1], good + b"\x00", b"\x00" + good]
    for listed in bad:
        assert (await node.fails(raw_call(listed, ETHER))).startswith(MALFORMED), listed.hex()
    assert await balances(node, shares(2, seed=80)) == [0, 0]
    assert await node.fails(Call(to=BATCH_CONTRACT, value_raw="1", data="0x")) == "0x"  # it takes no money but with a list
    assert await node.fails(Call(to=BATCH_CONTRACT, value_raw="0", data=PAY_COIN + "ff" * 96)) == "0x"


async def test_widths_of_eight_to_twelve_bytes(node: BatchNode) -> None:
    for bits in (1, 64, 65, 72, 80, 88, 96):
        rows = [Share(payee, amount) for payee, amount in zip(payees(3, seed=300 + bits), (1, 2**bits - 1, 2), strict=True)]
        assert unpacked(packed(rows)) == rows
        assert read_batch(batch_call(rows, None)) == (None, rows)
        await node.rpc("anvil_setBalance", node.account, hex(2**100))
        await node.send(batch_call(rows, None))
        assert await balances(node, rows) == [row.raw_amount for row in rows]
    with pytest.raises(ValueError, match="12 bytes"):
        packed([Share(payees(1)[0], 2**96)])
    with pytest.raises(ValueError, match="somebody"):
        packed([])


@pytest.mark.parametrize(("name", "arguments"), [("Refuser", ()), ("Burner", ()), ("Bomber", ("bool", True))])
async def test_a_payee_that_does_not_take_it_stops_all_and_is_named(node: BatchNode, name: str, arguments: tuple[Any, ...]) -> None:
    hostile = await node.deploy(name, *arguments)
    rows = shares(40, seed=81)
    rows[27] = Share(hostile, 5)
    before = await balances(node, rows)
    assert await node.fails(batch_call(rows, None)) == failed_at(27)
    assert await balances(node, rows) == before == [0] * 40
    assert await node.balance(BATCH_CONTRACT) == 0


async def test_a_payee_burns_no_more_than_its_own_gas(node: BatchNode) -> None:
    burner = await node.deploy("Burner")
    asked = batch_call([*shares(10, seed=82), Share(burner, 1)], None)
    sent = {"from": node.account, "gas": hex(16_000_000), "to": asked.to, "value": hex(int(asked.value_raw)), "data": asked.data}
    receipt = await node.receipt(await node.rpc("eth_sendTransaction", sent))
    assert receipt["status"] == "0x0"
    assert int(receipt["gasUsed"], 16) < 21_000 + 11 * 40_000 + 110_000


async def test_wallets_that_are_contracts_are_paid(node: BatchNode) -> None:
    purse, bomber = await node.deploy("Purse"), await node.deploy("Bomber", "bool", False)
    await node.send(batch_call([Share(purse, 3), Share(bomber, 4), Share(purse, 5)], None))
    assert (await node.read(purse, "received()"), await node.balance(bomber)) == (8, 4)


@pytest.mark.parametrize("swallows", [True, False])
async def test_reentering_takes_nothing_of_the_outer_batch(node: BatchNode, swallows: bool) -> None:
    thief = await node.deploy("Thief", "address", BATCH_CONTRACT)
    accomplice = payees(1, seed=83)[0]
    await node.send(call(thief, "plan(address,uint256,uint256,bytes,bool)", "0x" + "00" * 20, 0, 0, packed([Share(accomplice, ETHER)]), swallows))
    rows = [Share(thief, 1), *shares(5, seed=84 + swallows)]
    if swallows:  # it fails alone, and everybody else has theirs
        await node.send(batch_call(rows, None))
        assert await balances(node, rows[1:]) == [row.raw_amount for row in rows[1:]]
        assert (await node.read(thief, "tried()"), await node.read(thief, "worked()")) == (1, 0)
    else:
        assert await node.fails(batch_call(rows, None)) == failed_at(0)
        assert await balances(node, rows[1:]) == [0] * 5
    assert await node.balance(accomplice) == 0
    assert await node.balance(BATCH_CONTRACT) == 0


async def test_reentering_with_money_of_ones_own_is_paying_like_any_other(node: BatchNode) -> None:
    thief = await node.deploy("Thief", "address", BATCH_CONTRACT)
    friend = payees(1, seed=86)[0]
    await node.send(call(thief, "plan(address,uint256,uint256,bytes,bool)", "0x" + "00" * 20, 0, 50, packed([Share(friend, 40)]), False))
    rows = [Share(thief, 60), *shares(3, seed=87)]
    await node.send(batch_call(rows, None))
    assert (await node.balance(friend), await node.balance(thief)) == (40, 20)  # its surplus of 10 came back to it
    assert await balances(node, rows[1:]) == [row.raw_amount for row in rows[1:]]


# ---- tokens ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 200, 500])
async def test_everybody_gets_exactly_their_share_of_a_token(node: BatchNode, count: int) -> None:
    rows = shares(count, seed=1000 + count, most=10**12)
    token = await approved(node, "Plain", total(rows))
    receipt = await node.send(batch_call(rows, token))
    assert await balances(node, rows, token) == [row.raw_amount for row in rows]
    assert [await node.balance(each, token) for each in (BATCH_CONTRACT, node.account)] == [0, 0]
    assert len(receipt["logs"]) == count + 1
    assert int(receipt["gasUsed"], 16) < 16_777_216


@pytest.mark.parametrize("answer", [NOTHING, TRUE_AND_MORE])
async def test_tokens_that_answer_nothing_or_more_are_paid(node: BatchNode, answer: int) -> None:
    rows = shares(4, seed=90 + answer, most=10**9)
    token = await approved(node, "Odd", total(rows))
    await node.send(call(token, "set(uint8,uint256,uint256)", answer, 0, 0))
    await node.send(batch_call([*rows[:2], Share(rows[0].payee, 0), *rows[2:]], token))
    assert await balances(node, rows, token) == [row.raw_amount for row in rows]


@pytest.mark.parametrize("answer", [FALSE, TWO, ONE_BYTE, REVERT])
@pytest.mark.parametrize("after", [0, 2])
async def test_a_token_that_does_not_say_true_stops_all(node: BatchNode, answer: int, after: int) -> None:
    rows = shares(4, seed=95, most=10**9)
    token = await approved(node, "Odd", total(rows))
    await node.send(call(token, "set(uint8,uint256,uint256)", answer, 0, after))
    assert await node.fails(batch_call(rows, token)) == failed_at(after)
    assert await balances(node, [*rows, Share(BATCH_CONTRACT, 0), Share(node.account, 0)], token) == [0, 0, 0, 0, 0, total(rows)]


async def test_a_token_that_keeps_a_fee_is_refused(node: BatchNode) -> None:
    rows = shares(4, seed=96, most=10**9)
    token = await approved(node, "Odd", 2 * total(rows))
    await node.send(call(token, "set(uint8,uint256,uint256)", TRUE_AND_MORE, 100, 0))
    assert (await node.fails(batch_call(rows, token))) == PULL_FAILED
    assert await node.balance(node.account, token) == 2 * total(rows)


async def test_a_total_that_is_not_the_sum_an_allowance_too_small_and_no_token(node: BatchNode) -> None:
    rows = shares(3, seed=97, most=10**9)
    token = await approved(node, "Plain", total(rows))
    less = call(BATCH_CONTRACT, "payToken(address,uint256,bytes)", token, total(rows) - 1, packed(rows))
    assert await node.fails(less) == failed_at(2)
    await node.send(call(token, "mint(address,uint256)", BATCH_CONTRACT, 7))  # what lies there is nobody's to give away
    assert await node.fails(less) == TOTAL_DIFFERS + f"{total(rows):064x}"
    assert await node.fails(call(BATCH_CONTRACT, "payToken(address,uint256,bytes)", token, total(rows), packed(rows[:2]))) != "0x"
    assert await node.fails(batch_call([*rows, rows[0]], token)) == PULL_FAILED
    assert await node.fails(batch_call(rows, payees(1, seed=98)[0])) == PULL_FAILED
    assert await balances(node, rows, token) == [0, 0, 0]
    assert await node.balance(node.account, token) == total(rows)


async def test_reentering_takes_no_token_of_the_outer_batch(node: BatchNode) -> None:
    thief = await node.deploy("Thief", "address", BATCH_CONTRACT)
    rows = [Share(thief, 1), *shares(5, seed=99, most=10**9)]
    token = await approved(node, "Calling", total(rows))
    accomplice = payees(1, seed=100)[0]
    for pulled in (0, 10):  # pays out more than it pulls; and pulls without an allowance
        await node.send(call(thief, "plan(address,uint256,uint256,bytes,bool)", token, pulled, 0, packed([Share(accomplice, 10)]), True))
        await node.send(call(token, "mint(address,uint256)", node.account, total(rows)))
        await node.send(call(token, "approve(address,uint256)", BATCH_CONTRACT, total(rows)))
        await node.send(batch_call(rows, token))
        assert (await node.read(thief, "tried()"), await node.read(thief, "worked()"), await node.balance(accomplice, token)) == (1, 0, 0)
    assert await balances(node, rows, token) == [2 * row.raw_amount for row in rows]
    assert await node.balance(BATCH_CONTRACT, token) == 0


# ---- as a delegate ---------------------------------------------------------------------------------------------------------------


async def delegated(node: BatchNode) -> LocalAccount:
    """An account with money that has delegated to our code (EIP-7702)."""
    account: LocalAccount = Account.create()
    await node.rpc("anvil_setBalance", account.address, hex(1_000 * ETHER))
    authorization = account.sign_authorization({"chainId": 31337, "address": BATCH_DELEGATE, "nonce": 1})
    await signed(node, account, Call(to=account.address, value_raw="0", data="0x"), authorizationList=[authorization])
    assert (await node.rpc("eth_getCode", account.address, "latest")) == "0xef0100" + BATCH_DELEGATE[2:].lower()
    return account


async def signed(node: BatchNode, account: LocalAccount, asked: Call, **fields: Any) -> dict[str, Any]:
    nonce = int(await node.rpc("eth_getTransactionCount", account.address, "latest"), 16)
    fees = {"gas": 16_000_000, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1}
    body = {"chainId": 31337, "nonce": nonce, "to": asked.to, "value": int(asked.value_raw), "data": asked.data, **fees, **fields}
    raw = account.sign_transaction(body).raw_transaction
    return await node.receipt(await node.rpc("eth_sendRawTransaction", "0x" + bytes(raw).hex()))


async def test_an_account_that_delegated_pays_out_of_its_own_balance(node: BatchNode) -> None:
    account, rows = await delegated(node), shares(200, seed=110)
    receipt = await signed(node, account, delegated_call(account.address, rows, None))
    assert receipt["status"] == "0x1"
    assert await balances(node, rows) == [row.raw_amount for row in rows]

    token = await node.deploy("Plain")
    await node.send(call(token, "mint(address,uint256)", account.address, total(rows)))
    receipt = await signed(node, account, delegated_call(account.address, rows, token))
    assert receipt["status"] == "0x1"
    assert await balances(node, rows, token) == [row.raw_amount for row in rows]
    assert await node.balance(account.address, token) == 0
    assert {log["topics"][1][-40:] for log in receipt["logs"]} == {account.address[2:].lower()}, "the account is the sender of each"


async def test_nobody_else_pays_with_a_delegated_account_and_it_takes_the_coin(node: BatchNode) -> None:
    account, rows = await delegated(node), shares(2, seed=111)
    token = await node.deploy("Plain")
    await node.send(call(token, "mint(address,uint256)", account.address, total(rows)))
    before = await node.balance(account.address)
    for asset in (None, token):
        for target in (account.address, BATCH_DELEGATE):
            assert await node.fails(delegated_call(target, rows, asset)) == ONLY_ITSELF
    assert await balances(node, rows) == [0, 0]
    await node.send(Call(to=account.address, value_raw="7", data="0x"))
    assert await node.balance(account.address) == before + 7
    assert await node.balance(account.address, token) == total(rows)


async def test_a_delegated_account_pays_all_or_nobody(node: BatchNode) -> None:
    account, refuser = await delegated(node), await node.deploy("Refuser")
    rows = [*shares(3, seed=112), Share(refuser, 1)]
    receipt = await signed(node, account, delegated_call(account.address, rows, None))
    assert receipt["status"] == "0x0"
    assert await balances(node, rows) == [0, 0, 0, 0]
