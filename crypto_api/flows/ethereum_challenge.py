"""The text that a wallet signs: written and kept here, good for five minutes and one answer, and what is accepted as its signature."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from crypto_api.identity import siwe
from crypto_api.identity import store as identities
from crypto_api.identity.documents import OneTimePurpose, OneTimeToken
from crypto_api.identity.rules import hash_token
from crypto_api.identity.siwe import ContractPort, Site, Text
from crypto_api.identity.types import CHALLENGE_LIFETIME
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.ethereum import CallRefused, InconsistentAnswer, parse_address
from crypto_api.kit.log import security
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import UnitOfWork

Chains = Mapping[int, ContractPort]
"""The configured networks by chain id."""


class SignatureRefused(Exception):
    """What came back proves nothing. The reason is for the log."""


@dataclass(frozen=True)
class Challenge:
    message: str
    nonce: str
    expires_at: datetime


@dataclass(frozen=True)
class Signed:
    """What comes back from a wallet."""

    message: str
    signature: str


@dataclass(frozen=True)
class Asked:
    """What was asked of it."""

    row: OneTimeToken
    message: str
    address: str  # EIP-55
    chain_id: int


async def issue_text(
    uow: UnitOfWork,
    clock: Clock,
    site: Site,
    purpose: OneTimePurpose,
    statement: str,
    address: str,
    chain_id: int,
    *,
    principal: Principal | None = None,
) -> Challenge:
    """InvalidInput when the address is none. The same for every address: it tells nothing about accounts."""
    try:
        address = parse_address(address)
    except ValueError as error:
        raise InvalidInput.of("address", str(error), "invalid_address") from error
    now, nonce = clock.now(), secrets.token_hex(16)
    expires_at = now + CHALLENGE_LIFETIME
    message = siwe.compose(site, Text(address, statement, chain_id, nonce, now, expires_at))
    row = OneTimeToken(
        id=hash_token(nonce),
        created_at=now,
        purpose=purpose,
        user_id=principal.user_id if principal else None,
        session_id=principal.session_id if principal else None,
        data={"message": message, "address": address, "chain_id": chain_id},
        expires_at=expires_at,
    )
    await uow.run(lambda session: identities.insert_one_time(session, row))
    return Challenge(message, nonce, expires_at)


async def take_text(uow: UnitOfWork, clock: Clock, purpose: OneTimePurpose, message: str) -> Asked:
    """Uses the nonce up. SignatureRefused unless it is what we wrote, byte for byte."""
    nonce, now = siwe.nonce_of(message), clock.now()
    if nonce is None:
        raise SignatureRefused("no nonce of ours in it")
    row = await uow.run(lambda session: identities.take_one_time(session, hash_token(nonce), purpose, now))
    if row is None:
        raise SignatureRefused("no such nonce: it was used, is too old or never was")
    if not siwe.same(row.data["message"], message):
        raise SignatureRefused("not the text that was to be signed")
    return Asked(row, row.data["message"], row.data["address"], row.data["chain_id"])


async def signed_by_contract(chains: Chains, asked: Asked, signature: bytes) -> bool:
    """False for whatever the contract or the node makes of it. ChainUnavailable only when no node of its network answers."""
    chain = chains.get(asked.chain_id)
    if chain is None:
        return False
    try:
        return await siwe.signed_by_contract(chain, asked.message, signature, asked.address)
    except (CallRefused, InconsistentAnswer) as error:
        security.warning("contract_signature_unreadable", address=asked.address, chain_id=asked.chain_id, reason=str(error)[:200])
        return False
