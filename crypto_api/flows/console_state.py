"""What a console shows before its first event: read across the books, changing nothing."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from crypto_api.chains import store as chains
from crypto_api.events import store as events
from crypto_api.organizations.types import Permission
from crypto_api.reports.presence import Presence, online, presence
from crypto_api.tasks import store as tasks
from crypto_api.tasks.documents import Task
from crypto_api.transactions import store as transactions

TASKS_SHOWN = 50
PEOPLE_SHOWN = 500
_DAY = timedelta(days=1)


async def events_state(org_id: str, permissions: frozenset[Permission]) -> dict[str, Any]:
    """Counts of what the reader may see."""
    counts: dict[str, Any] = {}
    if Permission.TRANSACTIONS_READ in permissions:
        counts["transactions"] = await transactions.count_by_status(org_id)
    if Permission.TASKS_READ in permissions:
        counts["tasks"] = await tasks.count_by_status(org_id)
    return {"counts": counts}


async def task_log_state(org_id: str) -> dict[str, Any]:
    """The latest tasks, newest first."""
    return {"tasks": [_task(row) for row in await tasks.latest(org_id, TASKS_SHOWN)]}


async def dashboard_stats(org_id: str, queue_depth: Callable[[], Awaitable[int | None]], consoles_online: int, now: datetime) -> dict[str, Any]:
    """How things stand. `queue_depth` is None while the queue is away; `consoles_online` counts this process."""
    people, sessions = await online(org_id, now)
    return {
        "users_online": people,
        "sessions": sessions,
        "dead_letters": await tasks.open_dead_letters(org_id),
        "failed_tasks": await tasks.count_failed_since(org_id, now - _DAY),
        "schedules_failing": sum(row.failures > 0 for row in (await tasks.organization_schedules(org_id)).values()),
        "transactions": await transactions.count_by_status(org_id),
        "tasks": await tasks.count_by_status(org_id),
        "events_written": await events.head(org_id),
        "networks": [
            {"network": row.id, "state": row.state, "head": row.head, "processed": row.height, "lag_blocks": max(row.head - row.height, 0)}
            for row in await chains.cursors()
        ],
        "queue_depth": await queue_depth(),
        "consoles_online": consoles_online,
    }


async def user_management_state(org_id: str, permissions: frozenset[Permission], now: datetime) -> dict[str, Any]:
    """Who is logged in to the organisation, and who is locked out: the people for whoever may read the members, else the numbers alone."""
    rows = await presence(org_id, now)
    shown = [_person(row) for row in rows[:PEOPLE_SHOWN]] if Permission.MEMBERS_READ in permissions else []
    return {
        "people": shown,
        "members": len(rows),
        "online": sum(row.sessions > 0 for row in rows),
        "sessions": sum(row.sessions for row in rows),
        "locked_out": sum(row.locked_until is not None for row in rows),
    }


def _person(row: Presence) -> dict[str, Any]:
    return {
        "user_id": row.user.id,
        "username": row.user.username,
        "first_name": row.user.first_name,
        "last_name": row.user.last_name,
        "role": row.membership.role,
        "suspended": row.membership.suspended_at is not None,
        "sessions": row.sessions,
        "last_seen_at": row.last_seen_at,
        "locked_until": row.locked_until,
    }


def _task(row: Task) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "status": row.status,
        "progress": row.progress,
        "summary": row.summary,
        "error": row.error,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
    }
