"""Sign-in with Ethereum: the signature of an address that was linked before opens a session."""

from crypto_api.audit import service as audit
from crypto_api.audit.types import Outcome
from crypto_api.flows.ethereum_challenge import Asked, Chains, Challenge, SignatureRefused, Signed, issue_text, signed_by_contract, take_text
from crypto_api.flows.sign_in import Door, OpenedSession, known_device, open_session, second_factor
from crypto_api.identity import factor_store as factors
from crypto_api.identity import siwe
from crypto_api.identity import store as identities
from crypto_api.identity.documents import EthereumAccount, OneTimePurpose, User
from crypto_api.identity.errors import EmailNotVerified, InvalidSignature, OtpRequired
from crypto_api.identity.siwe import Site
from crypto_api.identity.types import Device, Factor, Limited
from crypto_api.kit.clock import Clock
from crypto_api.kit.log import security
from crypto_api.kit.session_spans import Way
from crypto_api.organizations import service as organizations
from mongodb_config.unit_of_work import Session, UnitOfWork

STATEMENT = "Sign in to Coffer."


async def begin_ethereum_log_in(door: Door, site: Site, device: Device, address: str, chain_id: int) -> Challenge:
    """TooManyRequests for a source that asks for more texts than people need."""
    await door.limiter.take(Limited.CHALLENGES, device.ip)
    return await issue_text(door.uow, door.clock, site, OneTimePurpose.ETHEREUM_LOG_IN, STATEMENT, address, chain_id)


async def log_in_with_ethereum(
    door: Door, chains: Chains, signed: Signed, otp: str | None, device: Device, *, way: Way
) -> tuple[User, OpenedSession]:
    """InvalidSignature for whatever is wrong with it, and for an address that nobody linked. The nonce is used up then; only when everything is right
    and the second factor merely missing (OtpRequired), it can be sent once more with it. ChainUnavailable when the network of a contract wallet is
    out of reach."""
    account: EthereumAccount | None = None
    try:
        asked = await take_text(door.uow, door.clock, OneTimePurpose.ETHEREUM_LOG_IN, signed.message)
        account = await factors.ethereum_account(asked.address, asked.chain_id)
        await _check(chains, asked, account, signed.signature)
        user = await identities.user(account.user_id) if account else None
        if account is None or user is None:
            raise SignatureRefused("nobody linked this address")
    except SignatureRefused as error:
        await _record_refusal(door.uow, door.clock, account, str(error))
        raise InvalidSignature from error
    if user.email_verified_at is None:
        raise EmailNotVerified
    try:
        known = await known_device(user, device, door.clock.now())
        shown = [Factor.ETHEREUM, *await second_factor(door, user, device, known, otp)]
    except OtpRequired:
        await door.uow.run(lambda session: identities.insert_one_time(session, asked.row))
        raise
    now, account_id = door.clock.now(), account.id

    async def work(session: Session) -> OpenedSession:
        if not await factors.use_ethereum_account(session, account_id, now):
            raise InvalidSignature  # unlinked meanwhile
        return await open_session(session, user, device, shown, now, way=way, spans=door.spans)

    opened = await door.uow.run(work)
    security.info("logged_in", user_id=user.id, session_id=opened.row.id, org_id=opened.row.org_id, way=way, by="ethereum")
    return user, opened


async def _check(chains: Chains, asked: Asked, account: EthereumAccount | None, signature: str) -> None:
    """A contract is asked only where somebody linked it: else anybody could have our node run what they like."""
    raw = siwe.signature_bytes(signature)
    if raw is None:
        raise SignatureRefused("no signature")
    if account is not None and account.is_contract:
        valid = await signed_by_contract(chains, asked, raw)
    else:
        valid = siwe.signed_by_key(asked.message, raw, asked.address)
    if not valid:
        raise SignatureRefused("not the signature of this address")


async def _record_refusal(uow: UnitOfWork, clock: Clock, account: EthereumAccount | None, reason: str) -> None:
    """Of an address that is somebody's: what merely looks like one stands in the log alone."""
    security.warning("log_in_refused", by="ethereum", user_id=account.user_id if account else None, reason=reason)
    if account is None:
        return
    subject, summary, now = ("ethereum_account", account.id), f"A signature was refused: {reason}.", clock.now()
    org_id = await organizations.home_of(account.user_id)
    await uow.run(lambda session: audit.record(session, org_id, "ethereum_account.refused", summary, now, subject=subject, outcome=Outcome.REFUSED))
