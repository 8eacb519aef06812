"""Nobody locks themselves out: of password, passkeys and Ethereum accounts one remains."""

from crypto_api.identity import factor_store as factors
from crypto_api.identity.errors import LastWayIn
from mongodb_config.unit_of_work import Session


async def keep_a_way_in(session: Session, user_id: str) -> None:
    """Call it after taking one away, in the same unit of work. Of two that take the last two away at the same moment, one is refused: both write
    the person's row. LastWayIn when none is left."""
    user = await factors.touch_user(session, user_id)
    if user is None or user.password_hash is not None:
        return
    if await factors.count_passkeys(user_id, session) + await factors.count_ethereum_accounts(user_id, session) == 0:
        raise LastWayIn
