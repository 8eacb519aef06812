"""Whose a wallet is: its owner signs a text of ours, with the key (EIP-191) or as a contract wallet (EIP-1271). Without a proof anybody could add
anybody's address; with it the organisation knows that it can move what is there."""

from crypto_api.flows.ethereum_challenge import Asked, Chains, Challenge, SignatureRefused, Signed, issue_text, signed_by_contract, take_text
from crypto_api.identity import siwe
from crypto_api.identity.documents import OneTimePurpose
from crypto_api.identity.siwe import Site
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.kit.log import security
from crypto_api.organizations.types import Principal
from crypto_api.wallets import service as wallets
from crypto_api.wallets import store
from crypto_api.wallets.documents import Wallet
from mongodb_config.unit_of_work import UnitOfWork


class _Told(SignatureRefused):
    """A reason that the person is told as well: it is about what they signed, and tells nothing of anybody else."""

    def __init__(self, reason: str, told: str) -> None:
        super().__init__(reason)
        self.told = told


async def begin_ownership(
    uow: UnitOfWork, clock: Clock, site: Site, principal: Principal, org_id: str, wallet_id: str, chain_ids: dict[str, int]
) -> Challenge:
    """The text names organisation and wallet, so that nobody proves another's by it. `chain_ids` by network. NotFound."""
    wallet = await _wallet(org_id, wallet_id)
    chain_id = chain_ids.get(wallet.network)
    if chain_id is None:
        raise InvalidInput.of("network", "is not configured any more", "unknown_network")
    purpose, statement = OneTimePurpose.WALLET_OWNERSHIP, _statement(wallet)
    return await issue_text(uow, clock, site, purpose, statement, wallet.address, chain_id, principal=principal)


async def prove_ownership(uow: UnitOfWork, clock: Clock, chains: Chains, principal: Principal, org_id: str, wallet_id: str, signed: Signed) -> Wallet:
    """InvalidInput when the signature proves nothing; the text is used up then. ChainUnavailable when only a contract could tell, and no node
    answers. NotFound."""
    wallet = await _wallet(org_id, wallet_id)
    try:
        asked = await take_text(uow, clock, OneTimePurpose.WALLET_OWNERSHIP, signed.message)
        await _check(chains, principal, wallet, asked, signed.signature)
    except SignatureRefused as error:
        security.warning("wallet_ownership_refused", user_id=principal.user_id, org_id=org_id, wallet_id=wallet_id, reason=str(error))
        why = error.told if isinstance(error, _Told) else "is not for a text that waits here: it has run out, was answered, or is another's"
        raise InvalidInput.of("signature", f"{why}. Ask for a new text and sign that one", "invalid_signature") from error
    proven = await wallets.prove_owned(uow, clock, org_id, wallet_id, principal.user_id)
    security.info("wallet_ownership_proven", user_id=principal.user_id, org_id=org_id, wallet_id=wallet_id, address=wallet.address)
    return proven


async def _check(chains: Chains, principal: Principal, wallet: Wallet, asked: Asked, signature: str) -> None:
    """A key goes first: its signature needs no node."""
    if (asked.row.user_id, asked.row.session_id) != (principal.user_id, principal.session_id):
        raise SignatureRefused("the text of another session")
    if asked.address != wallet.address or _statement(wallet) not in asked.message:
        raise SignatureRefused("the text for another wallet")
    raw = siwe.signature_bytes(signature)
    if raw is None:
        raise _Told("no signature", "is none: it begins with 0x and holds hexadecimal digits, two for each byte")
    if siwe.signed_by_key(asked.message, raw, asked.address) or await signed_by_contract(chains, asked, raw):
        return
    signer = siwe.signer_of(asked.message, raw)
    if signer is None:
        raise _Told("not the signature of this address", f"is neither that of a key nor accepted by a contract at {asked.address}")
    raise _Told("not the signature of this address", f"was made by the key of {signer}, and the wallet is {asked.address}; or for another text")


def _statement(wallet: Wallet) -> str:
    return f"Show to Coffer that this is a wallet of the organisation {wallet.org_id}, where it goes by {wallet.id}. This moves nothing."


async def _wallet(org_id: str, wallet_id: str) -> Wallet:
    wallet = await store.get(org_id, wallet_id)
    if wallet is None:
        raise NotFound
    return wallet
