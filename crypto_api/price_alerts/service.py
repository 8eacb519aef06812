"""The verbs of price alerts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from bson.decimal128 import Decimal128

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.kit import languages
from crypto_api.kit.amounts import text
from crypto_api.kit.errors import InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.ids import new_id
from crypto_api.kit.languages import Language, noted
from crypto_api.price_alerts import rules, store
from crypto_api.price_alerts.documents import PriceAlert
from crypto_api.price_alerts.errors import TooManyAlerts
from crypto_api.price_alerts.events import PriceAlertAcknowledged, PriceAlertAdded, PriceAlertChanged, PriceAlertDeleted, PriceAlertFired
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
    mail: bool = False


_SAID = {
    Condition.ABOVE: noted("{asset} is above {threshold} {quote}"),
    Condition.BELOW: noted("{asset} is below {threshold} {quote}"),
    Condition.MOVES: noted("{asset} moves by {threshold} % in {quote}"),
}
_NOTHING_SEEN: Mapping[str, None] = dict.fromkeys(("armed", "reference", "seen_rate", "seen_at", "unpriced_since"))


async def add(session: Session, org_id: str, new: NewAlert, user_id: str, now: datetime) -> PriceAlert:
    """InvalidInput, TooManyAlerts."""
    _check(new.threshold, new.hysteresis)
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
        mail=new.mail,
        created_by=user_id,
    )
    await store.insert(session, alert)
    await events.append(session, org_id, PriceAlertAdded(**_told(alert)), now)
    await audit.record(session, org_id, "price_alert.added", f"Tell when {said(alert)}.", now, subject=("price_alert", alert.id), after=_told(alert))
    return alert


def _check(threshold: Decimal, hysteresis: Decimal) -> None:
    if threshold <= 0:
        raise InvalidInput.of("threshold", "must be more than zero", "not_positive")
    if not 0 <= hysteresis < 100:
        raise InvalidInput.of("hysteresis", "is per cent of the threshold, from 0 to less than 100", "out_of_range")


async def change(
    session: Session, org_id: str, alert_id: str, fields: Mapping[str, Any], now: datetime, expected: frozenset[int] | None = None
) -> PriceAlert:
    """Sets `fields` (condition, threshold, hysteresis, note, mail, paused), the others stay. With another condition or threshold, and when it goes on
    after a pause, it has seen nothing yet: the next rate only says on which side it stands, so that nothing fires for what happened before.
    NotFound, InvalidInput; PreconditionFailed when it is none of the `expected` versions."""
    before = await store.get(org_id, alert_id, session)
    if before is None:
        raise NotFound
    if expected is not None and before.version not in expected:
        raise _changed_meanwhile()
    changes: dict[str, Any] = {name: value for name, value in fields.items() if getattr(before, name) != value}
    if not changes:
        return before
    wanted: PriceAlert = before.model_copy(update=changes)
    _check(wanted.threshold, wanted.hysteresis)
    if changes.keys() & {"condition", "threshold"} or changes.get("paused") is False:
        changes |= _NOTHING_SEEN
    stored = {name: _stored(value) if isinstance(value, Decimal) else value for name, value in changes.items()}
    after = await store.change(session, org_id, alert_id, before.version, stored)
    if after is None:
        raise _changed_meanwhile()
    await events.append(session, org_id, PriceAlertChanged(**_told(after)), now)
    was, became = ({name: getattr(row, name) for name in fields} for row in (before, after))
    summary = f"{_verb(changes)}: tell when {said(after)}."
    await audit.record(session, org_id, "price_alert.changed", summary, now, subject=("price_alert", alert_id), before=was, after=became)
    return after


def _verb(changes: Mapping[str, Any]) -> str:
    return {True: "Paused", False: "Resumed"}[changes["paused"]] if "paused" in changes else "Changed"


async def acknowledge(session: Session, org_id: str, alert_id: str, by: str, now: datetime) -> PriceAlert:
    """Somebody knows that it fired. Saying it again changes nothing. NotFound."""
    alert = await store.get(org_id, alert_id, session)
    if alert is None:
        raise NotFound
    if not alert.unseen:
        return alert
    await store.acknowledge(session, org_id, alert_id, by, now)
    await events.append(session, org_id, PriceAlertAcknowledged(**_told(alert)), now)
    summary = f"Took note that {said(alert)}."
    await audit.record(session, org_id, "price_alert.acknowledged", summary, now, subject=("price_alert", alert_id), after=_told(alert))
    after: PriceAlert = alert.model_copy(update={"acknowledged_at": now, "acknowledged_by": by})
    return after


def _changed_meanwhile() -> PreconditionFailed:
    return PreconditionFailed("It changed in between: get it again.")


async def delete(session: Session, org_id: str, alert_id: str, now: datetime, expected: frozenset[int] | None = None) -> None:
    """NotFound; PreconditionFailed when it is none of the `expected` versions."""
    alert = await store.get(org_id, alert_id, session)
    if alert is None:
        raise NotFound
    if (expected is not None and alert.version not in expected) or not await store.delete(session, org_id, alert_id, alert.version):
        raise _changed_meanwhile()
    await events.append(session, org_id, PriceAlertDeleted(**_told(alert)), now)
    await audit.record(
        session, org_id, "price_alert.deleted", f"No longer tell when {said(alert)}.", now, subject=("price_alert", alert.id), before=_told(alert)
    )


async def see(session: Session, org_id: str, alert_id: str, quote: Quote | None, now: datetime) -> PriceAlert | None:
    """The rate as it is now (None: no source tells it). Returns the alert when it fired. What it saw and what it told are one unit of work."""
    alert = await store.get(org_id, alert_id, session)
    if alert is None or alert.paused:
        return None
    if quote is None:
        if alert.unpriced_since is None:
            await store.note_seen(session, alert, {"unpriced_since": now})
        return None
    judged = rules.judge(alert.condition, alert.threshold, alert.hysteresis, alert.standing, quote.rate, quote.at)
    if judged.standing == alert.standing and alert.unpriced_since is None:
        return None
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
        return None  # another worker saw it first, or a person changed it
    if judged.fired:
        told = {"rate": text(quote.rate), "rate_at": quote.at.isoformat(), "source": quote.source.value, "origin": quote.origin, "note": alert.note}
        await events.append(session, org_id, PriceAlertFired(**_told(alert), **told), now)
    return alert if judged.fired else None


def said(alert: PriceAlert, language: Language | None = None, written: Callable[[str], str] = str) -> str:
    """In words, without a full stop. `written`: how its number stands there, which is plain otherwise."""
    words = {"asset": alert.asset, "threshold": written(text(alert.threshold)), "quote": alert.quote}
    return languages.said(_SAID[alert.condition], language).format(**words)


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
