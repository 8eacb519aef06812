"""The Ethereum accounts that sign a person in: linking one by its signature, taking it away."""

from crypto_api.audit import service as audit
from crypto_api.flows.ethereum_challenge import Asked, Chains, Challenge, SignatureRefused, Signed, issue_text, signed_by_contract, take_text
from crypto_api.flows.ways_in import keep_a_way_in
from crypto_api.identity import factor_store as factors
from crypto_api.identity import service as identity
from crypto_api.identity import siwe
from crypto_api.identity import store as identities
from crypto_api.identity.documents import EthereumAccount, OneTimePurpose
from crypto_api.identity.errors import InvalidToken, TooManyEthereumAccounts
from crypto_api.identity.siwe import Site
from crypto_api.identity.types import Notice
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.kit.log import security
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import Session, UnitOfWork

ACCOUNTS_MAX = 20


async def begin_link(uow: UnitOfWork, clock: Clock, site: Site, principal: Principal, address: str, chain_id: int) -> Challenge:
    """The text names the person, so that nobody signs an account of theirs away to somebody else."""
    user = await identities.user(principal.user_id)
    if user is None:
        raise InvalidToken
    statement = f"Let this account sign in to Coffer as {user.username}."
    return await issue_text(uow, clock, site, OneTimePurpose.ETHEREUM_LINK, statement, address, chain_id, principal=principal)


async def link_ethereum_account(uow: UnitOfWork, clock: Clock, chains: Chains, principal: Principal, signed: Signed) -> EthereumAccount:
    """EthereumAccountTaken when it is linked already, whoever has it. InvalidInput when the signature proves nothing; the nonce is used up then."""
    try:
        asked, is_contract = await _proven(uow, clock, chains, principal, signed)
    except SignatureRefused as error:
        security.warning("ethereum_link_refused", user_id=principal.user_id, session_id=principal.session_id, reason=str(error))
        raise InvalidInput.of("signature", "is not valid for this text: ask for a new one and sign it", "invalid_signature") from error
    now = clock.now()
    row = EthereumAccount(
        id=f"eip155:{asked.chain_id}:{asked.address.lower()}",
        created_at=now,
        user_id=principal.user_id,
        address=asked.address,
        chain_id=asked.chain_id,
        is_contract=is_contract,
    )

    async def work(session: Session) -> None:
        await factors.touch_user(session, principal.user_id)
        if await factors.count_ethereum_accounts(principal.user_id, session) >= ACCOUNTS_MAX:
            raise TooManyEthereumAccounts(ACCOUNTS_MAX)
        await factors.insert_ethereum_account(session, row)
        await audit.record(
            session,
            principal.org_id,
            "ethereum_account.linked",
            f"The Ethereum account {row.address} was linked.",
            now,
            subject=("ethereum_account", row.id),
            after={"address": row.address, "chain_id": row.chain_id, "is_contract": row.is_contract},
        )
        await identity.owe_notice(session, principal.user_id, Notice.ETHEREUM_ACCOUNT_ADDED, now)

    await uow.run(work)
    security.info("ethereum_account_linked", user_id=principal.user_id, session_id=principal.session_id, account=row.id)
    return row


async def unlink_ethereum_account(uow: UnitOfWork, clock: Clock, principal: Principal, account_id: str) -> None:
    """LastWayIn when nothing else opens the account."""
    now = clock.now()

    async def work(session: Session) -> None:
        removed = await factors.delete_ethereum_account(session, principal.user_id, account_id)
        if removed is None:
            raise NotFound
        await keep_a_way_in(session, principal.user_id)
        await audit.record(
            session,
            principal.org_id,
            "ethereum_account.unlinked",
            f"The Ethereum account {removed.address} was unlinked.",
            now,
            subject=("ethereum_account", account_id),
            before={"address": removed.address, "chain_id": removed.chain_id, "is_contract": removed.is_contract},
        )
        await identity.owe_notice(session, principal.user_id, Notice.ETHEREUM_ACCOUNT_REMOVED, now)

    await uow.run(work)
    security.warning("ethereum_account_unlinked", user_id=principal.user_id, session_id=principal.session_id, account=account_id)


async def _proven(uow: UnitOfWork, clock: Clock, chains: Chains, principal: Principal, signed: Signed) -> tuple[Asked, bool]:
    """What was asked, and whether a contract answered. A key goes first: its signature needs no node."""
    asked = await take_text(uow, clock, OneTimePurpose.ETHEREUM_LINK, signed.message)
    if (asked.row.user_id, asked.row.session_id) != (principal.user_id, principal.session_id):
        raise SignatureRefused("the text of another session")
    raw = siwe.signature_bytes(signed.signature)
    if raw is None:
        raise SignatureRefused("no signature")
    if siwe.signed_by_key(asked.message, raw, asked.address):
        return asked, False
    if await signed_by_contract(chains, asked, raw):
        return asked, True
    raise SignatureRefused("not the signature of this address")
