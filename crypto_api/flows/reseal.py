"""After SECRET_KEY was changed: what the one before it sealed is sealed anew, so that SECRET_KEY_PREVIOUS can go."""

from datetime import datetime

from crypto_api.flows import access_tokens, payslip_statement, second_factor
from crypto_api.identity import account_store as accounts
from crypto_api.identity.types import SecretBoxPort
from crypto_api.kit.log import security
from crypto_api.payroll import store as payroll
from crypto_api.payroll.documents import StatementKey
from mongodb_config.unit_of_work import Session, UnitOfWork

_BATCH = 200


async def reseal(uow: UnitOfWork, box: SecretBoxPort, now: datetime) -> int:
    """How many secrets: keys that sign tokens or payslips, and those of authenticator apps. BoxBroken for one that neither opens. Safe to repeat."""
    done = 0
    for key in await accounts.signing_keys(now):
        anew = _anew(box, key.sealed_key, access_tokens.bound_to(key.id))
        done += await _put_key(uow, key.id, key.sealed_key, anew)
    last = ""
    while users := await accounts.users_with_totp(last, _BATCH):
        for user in users:
            assert user.totp is not None
            anew = _anew(box, user.totp.sealed_secret, second_factor.bound_to(user.id))
            done += await _put_totp(uow, user.id, user.totp.sealed_secret, anew)
        last = users[-1].id
    last = ""
    while keys := await payroll.statement_keys_behind(last, _BATCH):
        for row in keys:
            done += await _put_statement_key(uow, row, _anew(box, row.sealed_key, payslip_statement.bound_to(row.org_id)))
        last = keys[-1].id
    security.info("secrets_resealed", count=done)
    return done


async def _put_key(uow: UnitOfWork, kid: str, sealed: str, anew: str) -> bool:
    async def work(session: Session) -> bool:
        return await accounts.reseal_signing_key(session, kid, sealed, anew)

    return await uow.run(work)


async def _put_totp(uow: UnitOfWork, user_id: str, sealed: str, anew: str) -> bool:
    async def work(session: Session) -> bool:
        return await accounts.reseal_totp(session, user_id, sealed, anew)

    return await uow.run(work)


async def _put_statement_key(uow: UnitOfWork, row: StatementKey, anew: str) -> bool:
    async def work(session: Session) -> bool:
        return await payroll.reseal_statement_key(session, row, anew)

    return await uow.run(work)


def _anew(box: SecretBoxPort, sealed: str, bound_to: str) -> str:
    return box.seal(box.open(sealed, bound_to), bound_to)
