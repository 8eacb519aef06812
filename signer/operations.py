"""What the signer does when asked. Whoever asks names rows; what is signed or wrapped is read here, and judged here."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from eth_account import Account
from hexbytes import HexBytes
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pymongo.errors import PyMongoError

from crypto_api.flows.signing_decision import SigningCase, refusal
from crypto_api.kit import log
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.kit.log import security
from crypto_api.kit.signing import SigningAsk
from crypto_api.payments.documents import PaymentAttempt
from crypto_api.payments.types import Attempt
from mongodb_config.migrations import DeployFailed
from mongodb_config.probe import UnfitServer
from signer import store
from signer.reading import signing_cases
from signer.vault_link import VaultFault, VaultLink

Answer = dict[str, Any]
ASKED_MAX = 256
TOGETHER_MAX = 50  # transactions of one child of the vault
_BYTES_TOGETHER_MAX, _BYTES_BESIDE_DATA = 100_000, 600  # of a frame between desk and vault, in either direction
_UNKNOWN = "There is no such payment, attempt or wallet."
_logger = log.get(__name__)


class _Question(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    op: str


class _Seal(_Question):
    org_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    wallet_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    private_key: str | None = None
    keystore: str | None = None
    keystore_password: str | None = None


class _Ask(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    org_id: str = Field(max_length=64)
    payment_id: str = Field(max_length=64)
    attempt_id: str = Field(max_length=80)


class _Sign(_Question):
    asked: list[_Ask] = Field(min_length=1, max_length=ASKED_MAX)


class _Rewrap(_Question):
    org_id: str = Field(max_length=64)
    wallet_id: str = Field(max_length=64)


class Operations:
    def __init__(self, vault: VaultLink, clock: Clock, bind: Callable[[], Awaitable[None]]) -> None:
        """`bind` connects the documents with the database; called before each use of it, it does that once."""
        self._vault, self._clock, self._bind = vault, clock, bind

    async def answer(self, question: Any) -> Answer:
        """Never raises for what was asked, whatever it is; a fault of a part is told by its name alone."""
        try:
            return await self._dispatch(question)
        except (ValidationError, TypeError):
            return {"error": "bad_question"}
        except NotFound:
            return {"refused": _UNKNOWN}
        except (PyMongoError, VaultFault, UnfitServer, DeployFailed) as error:
            _logger.warning("question_unanswered", reason=f"{type(error).__name__}: {error}"[:200])
            return {"error": "unavailable"}

    async def _dispatch(self, question: Any) -> Answer:
        match question["op"]:
            case "public_key":
                _Question.model_validate(question)
                intake = self._vault.intake
                return {"result": {"kid": intake.kid, "x": intake.x, "y": intake.y}}
            case "health":
                _Question.model_validate(question)
                return {"result": {"key_id": self._vault.key_id}}
            case "seal":
                return await self._seal(_Seal.model_validate(question))
            case "sign_payments":
                return await self._sign(_Sign.model_validate(question))
            case "rewrap":
                return await self._rewrap(_Rewrap.model_validate(question))
        return {"error": "bad_question"}

    async def _seal(self, asked: _Seal) -> Answer:
        given = asked.model_dump(exclude_none=True, exclude={"op"})
        if set(given) - {"org_id", "wallet_id"} not in ({"private_key"}, {"keystore", "keystore_password"}):
            return {"error": "bad_question"}
        told = await self._vault.use("seal", **given)
        security.info("key_sealed" if "result" in told else "key_not_sealed", org_id=asked.org_id, wallet_id=asked.wallet_id)
        return told

    async def _sign(self, asked: _Sign) -> Answer:
        """Each is judged for itself, in the order in which they are asked: what is signed counts in the limit of a day for the next."""
        for _ in asked.asked:
            faultpoint("signer.asked")
        await self._bind()
        answers: dict[int, Answer] = {}
        by_org: dict[str, list[tuple[int, SigningAsk]]] = {}
        for place, each in enumerate(asked.asked):
            by_org.setdefault(each.org_id, []).append((place, SigningAsk(each.org_id, each.payment_id, each.attempt_id)))
        for org_id, rows in by_org.items():
            answers |= await self._sign_of(org_id, rows)
        return {"result": {"answers": [answers[place] for place in range(len(asked.asked))]}}

    async def _sign_of(self, org_id: str, rows: Sequence[tuple[int, SigningAsk]]) -> dict[int, Answer]:
        now, answers = self._clock.now(), {}
        read = await signing_cases(org_id, [ask for _, ask in rows], now)
        for _ in rows:
            faultpoint("signer.read")
        accepted: list[tuple[int, SigningCase]] = []
        for place, ask in rows:
            case = read.cases.get(ask.attempt_id)
            if case is None:
                answers[place] = {"refused": _UNKNOWN}
                continue
            case = replace(case, signed_today=read.today.of_others(case.payment.id) if read.limited else None)
            if (why := refusal(case, now)) is not None:
                answers[place] = _refused(case.attempt, why)
                continue
            if case.attempt.purpose is Attempt.PAY:
                read.today.add(case.payment)
            accepted.append((place, case))
            faultpoint("signer.decided")
            await asyncio.sleep(0)  # others are answered meanwhile
        for part in _by_key(accepted):
            signed = await self._signed([case for _, case in part])
            answers |= dict(zip((place for place, _ in part), signed, strict=True))
        return answers

    async def _signed(self, cases: Sequence[SigningCase]) -> list[Answer]:
        """Of one wallet: its key is opened once, in a child that ends with it."""
        told = await self._vault.use("sign", **_bound_to(cases[0]), envelope=_envelope(cases[0]), transactions=[_transaction(case) for case in cases])
        if "result" not in told:
            return [_refused(case.attempt, str(told.get("refused"))) for case in cases]
        return [self._checked(case.attempt, answer) for case, answer in zip(cases, told["result"]["signed"], strict=True)]

    def _checked(self, attempt: PaymentAttempt, told: Answer) -> Answer:
        """What the vault answers is looked at before anybody else sees it."""
        if "refused" in told:
            return _refused(attempt, told["refused"])
        raw = told["raw"]
        if attempt.raw is not None and attempt.raw != raw:
            security.error("signed_otherwise", org_id=attempt.org_id, payment_id=attempt.payment_id, attempt_id=attempt.id)
            return {"refused": "Other bytes are stored for this attempt already."}
        if str(Account.recover_transaction(HexBytes(raw))) != attempt.from_address:
            raise VaultFault("signed by another key")
        security.info("payment_signed", org_id=attempt.org_id, payment_id=attempt.payment_id, attempt_id=attempt.id, transaction=told["hash"])
        faultpoint("signer.answering")
        return told

    async def _rewrap(self, asked: _Rewrap) -> Answer:
        await self._bind()
        wallet = await store.wallet(asked.org_id, asked.wallet_id)
        if wallet is None or wallet.sealed_key is None:
            raise NotFound
        return await self._vault.use("rewrap", org_id=wallet.org_id, wallet_id=wallet.id, address=wallet.address, envelope=wallet.sealed_key)


def _bound_to(case: SigningCase) -> dict[str, str]:
    assert case.wallet is not None
    return {"org_id": case.wallet.org_id, "wallet_id": case.wallet.id, "address": case.wallet.address}


def _envelope(case: SigningCase) -> dict[str, Any]:
    assert case.wallet is not None and case.wallet.sealed_key is not None
    return case.wallet.sealed_key


def _refused(attempt: PaymentAttempt, why: str) -> Answer:
    security.warning("signing_refused", org_id=attempt.org_id, payment_id=attempt.payment_id, attempt_id=attempt.id, reason=why)
    return {"refused": why}


def _by_key(accepted: Sequence[tuple[int, SigningCase]]) -> Iterator[list[tuple[int, SigningCase]]]:
    """In parts that the vault takes at once: of one wallet, and within a frame."""
    part: list[tuple[int, SigningCase]] = []
    size = 0
    for place, case in accepted:
        length = len(case.attempt.call.data) + _BYTES_BESIDE_DATA
        other = part and part[0][1].payment.wallet_id != case.payment.wallet_id
        if other or size + length > _BYTES_TOGETHER_MAX or len(part) == TOGETHER_MAX:
            yield part
            part, size = [], 0
        part.append((place, case))
        size += length
    if part:
        yield part


def _transaction(case: SigningCase) -> dict[str, Any]:
    """EIP-1559, of type 0 with the chain in its signature (EIP-155), or of type 4 with what its sender authorizes (EIP-7702). Values that may be
    larger than JSON's numbers go as hexadecimal text."""
    attempt = case.attempt
    fees = attempt.fees
    price: dict[str, Any] = {"gasPrice": hex(fees.max_fee_per_gas)}
    if not fees.legacy:
        price = {"type": "0x2", "maxFeePerGas": hex(fees.max_fee_per_gas), "maxPriorityFeePerGas": hex(fees.max_priority_fee_per_gas)}
    if attempt.authorization is not None:
        price |= {"type": "0x4", "authorization": attempt.authorization.model_dump()}
    return {
        "chainId": attempt.chain_id,
        "nonce": attempt.nonce,
        "to": attempt.call.to,
        "value": hex(int(attempt.call.value_raw)),
        "data": attempt.call.data,
        "gas": fees.gas,
    } | price
