"""Wallets that run our batch contract as their own code (EIP-7702): whether one may, what it runs now, and taking that back.

Two have to let it: the organisation by its payment policy, which takes two people, and whoever may change that policy for each wallet. What the
account runs is read from the chain each time: a key that was used elsewhere may have delegated to anybody.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from crypto_api.chains import service as chains
from crypto_api.flows.members import require_standing
from crypto_api.flows.prepare_payment import payer_of
from crypto_api.flows.prepare_wanted import PaymentDesk, Wanted, prepare_wanted
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import Conflict, InvalidInput, NotFound
from crypto_api.kit.ethereum import ZERO_ADDRESS
from crypto_api.kit.log import security
from crypto_api.organizations.types import Principal
from crypto_api.payments import rules
from crypto_api.payments import store as payments
from crypto_api.payments.batch import BATCH_DELEGATE, CODE, delegate_of
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import Delegation, Origin, PaymentKind, Way
from crypto_api.policies import service as policies
from crypto_api.wallets import service as wallets
from crypto_api.wallets import store
from crypto_api.wallets.documents import Wallet, WalletType
from mongodb_config.unit_of_work import Session, UnitOfWork


class Runs(StrEnum):
    """What code an account runs."""

    NOTHING = "nothing"  # a key, as most are
    OURS = "ours"
    OTHERS = "others"  # somebody else's, by EIP-7702
    CONTRACT = "contract"  # it is a contract itself


class NotDelegated(Conflict):
    code = "not_delegated"


@dataclass(frozen=True)
class DelegationStanding:
    wallet: Wallet
    runs: Runs
    delegate: str | None  # EIP-55: whose code it runs
    contract_stands: bool  # whether our code for accounts is on the network, exactly
    policy_allows: bool
    revocation: Payment | None  # that is on its way

    @property
    def pays(self) -> bool:
        """Whether its next batch is paid so."""
        return self.policy_allows and self.wallet.pays_delegated and self.contract_stands and self.runs in (Runs.NOTHING, Runs.OURS)


class CodeReader(Protocol):
    async def codes(self, addresses: Sequence[str]) -> list[bytes]: ...


async def look_at_delegation(node: CodeReader, org_id: str, wallet_id: str, now: datetime) -> DelegationStanding:
    """NotFound, ChainUnavailable."""
    wallet = await store.get(org_id, wallet_id)
    if wallet is None:
        raise NotFound
    policy = (await policies.current(org_id, now)).policy
    account, ours = await node.codes([wallet.address, BATCH_DELEGATE])
    delegate = delegate_of(account)
    runs = Runs.OTHERS if delegate else Runs.CONTRACT if account else Runs.NOTHING
    return DelegationStanding(
        wallet=wallet,
        runs=Runs.OURS if delegate == BATCH_DELEGATE else runs,
        delegate=delegate,
        contract_stands=ours == CODE[BATCH_DELEGATE],
        policy_allows=policy.delegated_batches,
        revocation=await payments.open_revocation(org_id, wallet_id),
    )


async def allow_delegation(
    uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, wallet_id: str, versions: Collection[int] | None, *, allowed: bool
) -> Wallet:
    """NotFound, PreconditionFailed; InvalidInput for a wallet whose key is not here. Payments that are not signed yet are judged by it."""
    now = clock.now()

    async def work(session: Session) -> Wallet:
        await require_standing(session, principal, org_id)
        wallet = await store.get(org_id, wallet_id, session)
        if wallet is not None and allowed and wallet.wallet_type is not WalletType.PRIVATE_KEY:
            raise InvalidInput.of("allowed", "needs a wallet whose key is stored here", "no_stored_key")
        after = await wallets.let_pay_delegated(session, org_id, wallet_id, versions, now, allowed=allowed)
        await payments.make_due(session, org_id, now)
        return after

    row = await uow.run(work)
    security.info("wallet_delegation", user_id=principal.user_id, org_id=org_id, wallet_id=wallet_id, allowed=allowed)
    return row


async def revoke_delegation(desk: PaymentDesk, principal: Principal, org_id: str, wallet_id: str, origin: Origin) -> Payment:
    """A payment of nothing, which delegates to nobody: by the machine, as every transaction of the wallet. NotFound, NotDelegated, and as
    `prepare_payment`. Also from somebody else's code, and whether or not the wallet may delegate."""
    if await store.get(org_id, wallet_id) is None:
        raise NotFound
    return await prepare_wanted(desk, principal, org_id, lambda: _wanted(desk, org_id, wallet_id), origin)


async def _wanted(desk: PaymentDesk, org_id: str, wallet_id: str) -> Wanted:
    payer = await payer_of(desk, org_id, wallet_id, None)
    if payer.way is not Way.SIGNER:
        raise InvalidInput.of("wallet_id", "has its key elsewhere: the wallet that holds it takes the delegation back", "no_stored_key")
    address, node = payer.wallet.address, desk.nodes[payer.network.slug]
    (code,) = await node.codes([address])
    if delegate_of(code) is None:
        raise NotDelegated("This wallet runs nobody's code.")
    if await payments.open_revocation(org_id, wallet_id) is not None:
        raise NotDelegated("It is being taken back already.")
    asset, call = chains.listed_assets(payer.network)[0], rules.cancel_call(address)
    who, text = (address, None, payer.wallet.name), "Takes back what the wallet has delegated (EIP-7702)"
    delegation = Delegation(delegate=ZERO_ADDRESS, authorizes=True)
    return Wanted(*(payer.wallet, payer.network, payer.way, PaymentKind.DELEGATION, asset, 0, *who, call, text), delegation=delegation)
