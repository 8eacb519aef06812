"""What the pages of payments share."""

from crypto_api.dashboard.access import Visit
from crypto_api.desks import payment_desk_of
from crypto_api.flows.prepare_wanted import PaymentDesk
from crypto_api.flows.step_up import is_approved_for_keys
from crypto_api.wallets import store as wallets
from crypto_api.wallets.documents import Wallet, WalletType

_PAYING = (WalletType.PRIVATE_KEY, WalletType.METAMASK, WalletType.HARDWARE)


def desk_of(visit: Visit) -> PaymentDesk:
    return payment_desk_of(visit.runtime)


async def paying_wallets(visit: Visit, network: str | None = None) -> list[Wallet]:
    """Of the organisation's wallets those that a payment can leave, on that network or on any that is configured."""
    rows = await wallets.active(visit.org_id)
    return [row for row in rows if row.wallet_type in _PAYING and row.network in visit.runtime.networks and network in (None, row.network)]


async def has_confirmed(visit: Visit) -> bool:
    """Whether this session may use keys now, without being asked once more."""
    return await is_approved_for_keys(visit.principal.session_id, visit.org_id, visit.runtime.clock.now())
