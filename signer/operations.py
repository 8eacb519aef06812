"""What the signer does when asked. Whoever asks names rows; what is signed or wrapped is read here, and judged here."""

from collections.abc import Awaitable, Callable
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
from signer import store
from signer.reading import signing_case
from signer.vault_link import VaultFault, VaultLink

Answer = dict[str, Any]
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


class _Sign(_Question):
    org_id: str = Field(max_length=64)
    payment_id: str = Field(max_length=64)
    attempt_id: str = Field(max_length=80)


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
            return {"refused": "There is no such payment, attempt or wallet."}
        except (PyMongoError, VaultFault) as error:
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
            case "sign_payment":
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
        faultpoint("signer.asked")
        await self._bind()
        now = self._clock.now()
        case = await signing_case(asked.org_id, asked.payment_id, asked.attempt_id, now)
        faultpoint("signer.read")
        if (why := refusal(case, now)) is not None:
            security.warning("signing_refused", org_id=asked.org_id, payment_id=asked.payment_id, attempt_id=asked.attempt_id, reason=why)
            return {"refused": why}
        faultpoint("signer.decided")
        told = await self._vault.use("sign", **_bound_to(case), envelope=_envelope(case), transaction=_transaction(case))
        if "result" in told:
            return self._checked(case, told)
        security.warning("signing_refused", org_id=asked.org_id, payment_id=asked.payment_id, attempt_id=asked.attempt_id, reason=told.get("refused"))
        return told

    def _checked(self, case: SigningCase, told: Answer) -> Answer:
        """What the vault answers is looked at before anybody else sees it."""
        raw, attempt = told["result"]["raw"], case.attempt
        if attempt.raw is not None and attempt.raw != raw:
            security.error("signed_otherwise", org_id=attempt.org_id, payment_id=attempt.payment_id, attempt_id=attempt.id)
            return {"refused": "Other bytes are stored for this attempt already."}
        if str(Account.recover_transaction(HexBytes(raw))) != attempt.from_address:
            raise VaultFault("signed by another key")
        security.info(
            "payment_signed", org_id=attempt.org_id, payment_id=attempt.payment_id, attempt_id=attempt.id, transaction=told["result"]["hash"]
        )
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


def _transaction(case: SigningCase) -> dict[str, Any]:
    """EIP-1559. Values that may be larger than JSON's numbers go as hexadecimal text."""
    attempt = case.attempt
    return {
        "type": 2,
        "chainId": attempt.chain_id,
        "nonce": attempt.nonce,
        "to": attempt.call.to,
        "value": hex(int(attempt.call.value_raw)),
        "data": attempt.call.data,
        "gas": attempt.fees.gas,
        "maxFeePerGas": hex(attempt.fees.max_fee_per_gas),
        "maxPriorityFeePerGas": hex(attempt.fees.max_priority_fee_per_gas),
    }
