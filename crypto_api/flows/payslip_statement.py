"""That a payslip is genuine: a key of its organisation signs it, which signs payslips and nothing else, and anybody who holds the payslip may ask.

The key is made when it is first needed and sealed like other secrets of the installation. It owns nothing and can move nothing; keys of wallets are
with the signer, and sign nothing but payments.
"""

from dataclasses import dataclass
from typing import Any

from pymongo.errors import DuplicateKeyError

from crypto_api.identity.types import SecretBoxPort
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound
from crypto_api.payroll import store
from crypto_api.payroll.documents import Payout, Payslip, StatementKey
from crypto_api.payroll.errors import WrongPayslipState
from crypto_api.payroll.typed_data import new_key, sign, signer_of, statement_of
from crypto_api.payroll.types import PayslipStatus
from mongodb_config.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Scribe:
    """What statements are made and signed with."""

    uow: UnitOfWork
    clock: Clock
    box: SecretBoxPort
    site: str  # of the installation, as people reach it: without a slash at its end

    def link(self, row: Payslip) -> str:
        """The public page that says whether it is genuine."""
        return f"{self.site}/payslips/verify/{row.verify_token}/"


@dataclass(frozen=True)
class Statement:
    payslip: Payslip
    payouts: tuple[Payout, ...]
    typed_data: dict[str, Any]
    signature: str
    signer: str  # EIP-55: the address of the organisation's key
    link: str


async def signed_statement(scribe: Scribe, row: Payslip) -> Statement:
    """As the payslip stands now. WrongPayslipState for a draft."""
    if row.status is PayslipStatus.DRAFT or row.verify_token is None:
        raise WrongPayslipState("It is a draft: nobody stands for it yet.")
    payouts = (await store.payouts_of_payslips(row.org_id, [row.id])).get(row.id, [])
    key = await _key(scribe, row.org_id)
    told = statement_of(row, payouts)
    return Statement(row, tuple(payouts), told, sign(told, _opened(scribe, key)), key.address, scribe.link(row))


async def verified_statement(scribe: Scribe, token: str) -> Statement:
    """For whoever holds the token, without a log-in. NotFound."""
    row = await store.payslip_by_token(token)
    if row is None:
        raise NotFound
    return await signed_statement(scribe, row)


async def signed_by_whom(scribe: Scribe, statement: dict[str, Any], signature: str) -> tuple[str | None, bool]:
    """(whose key signed the statement, whether that is the key of the organisation whose payslip it names)."""
    signer = signer_of(statement, signature)
    message = statement.get("message")
    payslip_id = message.get("payslip") if isinstance(message, dict) else None
    if signer is None or not isinstance(payslip_id, str):
        return signer, False
    key = await store.statement_key_at(signer)
    return signer, key is not None and await store.payslip(key.org_id, payslip_id) is not None


async def _key(scribe: Scribe, org_id: str) -> StatementKey:
    found = await store.statement_key(org_id)
    if found is not None:
        return found
    secret, address = new_key()
    row = StatementKey(id=org_id, created_at=scribe.clock.now(), org_id=org_id, address=address, sealed_key=scribe.box.seal(secret, bound_to(org_id)))
    try:
        await scribe.uow.run(lambda session: store.insert_statement_key(session, row))
    except DuplicateKeyError:  # of two at the same moment the first stands
        found = await store.statement_key(org_id)
        assert found is not None
        return found
    return row


def _opened(scribe: Scribe, key: StatementKey) -> bytes:
    return scribe.box.open(key.sealed_key, bound_to(key.org_id))


def bound_to(org_id: str) -> str:
    """What the key of an organisation is sealed for."""
    return f"payslip statements of {org_id}"
