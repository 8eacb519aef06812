"""The verbs of price alerts."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bson.decimal128 import Decimal128

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.kit.amounts import text
from crypto_api.kit.errors import InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.ids import new_id
from crypto_api.price_alerts import rules, store
from crypto_api.price_alerts.documents import PriceAlert
from crypto_api.price_alerts.errors import TooManyAlerts
from crypto_api.price_alerts.events import PriceAlertAdded, PriceAlertDeleted, PriceAlertFired
from crypto_api.price_alerts.types import ALERTS_MAX, Condition
from crypto_api.prices.types import Quote
from mongodb_config.unit_of_work import Session


@dataclass(frozen=True)
class NewAlert:
    asset: str
    quote: str
    condition: Condition
    threshold: Decimal
    hysteresis: Decimal = Decimal(1)
    note: str = ""


async def add(session: Session, org_id: str, new: NewAlert, user_id: str, now: datetime) -> PriceAlert:
    """InvalidInput, TooManyAlerts."""
    if new.threshold <= 0:
        raise InvalidInput.of("threshold", "must be more than zero", "not_positive")
    if new.hysteresis >= 100:
        raise InvalidInput.of("hysteresis", "is per cent of the threshold, less than 100", "too_large")
    if new.asset == new.quote:
        raise InvalidInput.of("quote", "must be another currency than the asset", "same_currency")
    if await store.count(org_id, session) >= ALERTS_MAX:
        raise TooManyAlerts
    alert = PriceAlert(
        id=new_id("pal"),
        created_at=now,
        org_id=org_id,
        asset=new.asset,
        quote=new.quote,
        condition=new.condition,
        threshold=new.threshold,
        hysteresis=new.hysteresis,
        note=new.note,
        created_by=user_id,
    )
    await store.insert(session, alert)
    await events.append(session, org_id, PriceAlertAdded(**_told(alert)), now)
    await audit.record(session, org_id, "price_alert.added", f"Tell when {said(alert)}.", now, subject=("price_alert", alert.id), after=_told(alert))
    return alert


async def delete(session: Session, org_id: str, alert_id: str, now: datetime, expected: frozenset[int] | None = None) -> None:
    """NotFound; PreconditionFailed when it is none of the `expected` versions."""
    alert = await store.get(org_id, alert_id, session)
    if alert is None:
        raise NotFound
    if (expected is not None and alert.version not in expected) or not await store.delete(session, org_id, alert_id, alert.version):
        raise PreconditionFailed("It changed in between: get it again.")
    await events.append(session, org_id, PriceAlertDeleted(**_told(alert)), now)
    await audit.record(
        session, org_id, "price_alert.deleted", f"No longer tell when {said(alert)}.", now, subject=("price_alert", alert.id), before=_told(alert)
    )


async def see(session: Session, org_id: str, alert_id: str, quote: Quote | None, now: datetime) -> bool:
    """The rate as it is now (None: no source tells it). Returns whether the alert fired. What it saw and what it told are one unit of work."""
    alert = await store.get(org_id, alert_id, session)
    if alert is None:
        return False
    if quote is None:
        if alert.unpriced_since is None:
            await store.note_seen(session, alert, {"unpriced_since": now})
        return False
    judged = rules.judge(alert.condition, alert.threshold, alert.hysteresis, alert.standing, quote.rate, quote.at)
    if judged.standing == alert.standing and alert.unpriced_since is None:
        return False
    after = judged.standing
    changes: dict[str, object] = {
        "armed": after.armed,
        "reference": _stored(after.reference),
        "seen_rate": _stored(after.seen_rate),
        "seen_at": after.seen_at,
        "unpriced_since": None,
    }
    if judged.fired:
        changes |= {"fired_at": now, "fired_rate": _stored(quote.rate), "fired_count": alert.fired_count + 1}
    if not await store.note_seen(session, alert, changes):
        return False  # another worker saw it first
    if judged.fired:
        told = {"rate": text(quote.rate), "rate_at": quote.at.isoformat(), "source": quote.source.value, "origin": quote.origin, "note": alert.note}
        await events.append(session, org_id, PriceAlertFired(**_told(alert), **told), now)
    return judged.fired


def said(alert: PriceAlert) -> str:
    """In words, without a full stop."""
    if alert.condition is Condition.MOVES:
        return f"{alert.asset} moves by {text(alert.threshold)} % in {alert.quote}"
    return f"{alert.asset} is {alert.condition.value} {text(alert.threshold)} {alert.quote}"


def _told(alert: PriceAlert) -> dict[str, str]:
    return {
        "alert_id": alert.id,
        "asset": alert.asset,
        "quote": alert.quote,
        "condition": alert.condition.value,
        "threshold": text(alert.threshold),
    }


def _stored(amount: Decimal | None) -> Decimal128 | None:
    return Decimal128(amount) if amount is not None else None
