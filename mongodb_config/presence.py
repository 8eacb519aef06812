"""Free what a killed process left locked.

A transaction outlives the process that began it: the server keeps its locks until `transactionLifetimeLimitSeconds`, 60 by default, since
a driver may go on with it over another connection. So each process keeps a row with the ids of its server sessions and a heartbeat,
and whoever finds a heartbeat that stopped kills those sessions, which aborts what was open. A process that only slept loses a transaction
that way and runs it again, as after any transient conflict.

Who waited for the database itself tells nobody's silence from its own. Else one pause of the database longer than `DEAD_AFTER_S` has everybody
end everybody's transactions, and what is run again for that makes the next pause: it did not end by itself.
"""

import asyncio
import contextlib
import logging
import math
import secrets
import time
from datetime import timedelta
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from bson.binary import UUID_SUBTYPE, Binary
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError

from mongodb_config.client import Database
from mongodb_config.process_name import process_name, surely_dead
from mongodb_config.server_time import server_time

COLLECTION = "process_presence"
HEARTBEAT_S = 1.0
DEAD_AFTER_S = 5.0
LATE_S = 2.5  # a heartbeat of our own that comes so much after the one before it
_logger = logging.getLogger(__name__)


class Presence:
    """`async with Presence(database) as presence:` beats inside, and looks after the others."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = database[COLLECTION]
        self._id = f"{process_name()}|{secrets.token_hex(4)}"
        self._known: set[bytes] = set()
        self._beat_at = self._late_at = -math.inf
        self._beating: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._beat_at = time.monotonic()
        self._beating = asyncio.create_task(self._beat(), name="presence")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._beating is not None
        self._beating.cancel()
        await asyncio.gather(self._beating, return_exceptions=True)
        with contextlib.suppress(PyMongoError):  # a row that stays is taken for that of a dead process, which by then is true
            await self._rows.delete_one({"_id": self._id})

    async def note(self, session: AsyncClientSession) -> None:
        """Before the first transaction of a server session. The driver reuses sessions, so this writes a few times in a process's life."""
        session_id = session.session_id["id"]
        if bytes(session_id) in self._known:
            return
        self._known.add(bytes(session_id))
        change = {"$addToSet": {"sessions": session_id}, "$set": {"beat_at": server_time.now()}}
        try:
            await self._rows.update_one({"_id": self._id}, change, upsert=True)
        except BaseException:
            self._known.discard(bytes(session_id))
            raise

    async def _beat(self) -> None:
        while True:
            try:
                done = await self._rows.update_one({"_id": self._id}, {"$set": {"beat_at": server_time.now()}}, upsert=True)
                self.beaten(time.monotonic())
                if done.upserted_id is not None:
                    await self._say_again()
                await self.bury_the_dead()
            except PyMongoError as error:
                _logger.warning("presence: %s", error)
            await asyncio.sleep(HEARTBEAT_S)

    def beaten(self, now_s: float) -> None:
        """By the monotonic clock."""
        if now_s - self._beat_at > LATE_S:
            self._late_at = now_s
        self._beat_at = now_s

    async def _say_again(self) -> None:
        """Who slept and was taken for dead names its sessions anew: else nobody could end them when it really dies."""
        own = [Binary(session_id, UUID_SUBTYPE) for session_id in self._known]
        await self._rows.update_one({"_id": self._id}, {"$addToSet": {"sessions": {"$each": own}}})

    async def bury_the_dead(self) -> int:
        """Kills the sessions of every process that is surely dead or whose heartbeat stopped while ours went on; returns how many that were.
        Several processes may do it at once."""
        silent_since = server_time.now() - timedelta(seconds=DEAD_AFTER_S)
        others: list[dict[str, Any]] = await self._rows.find({"_id": {"$ne": self._id}}).to_list()
        may_judge = time.monotonic() - self._late_at >= DEAD_AFTER_S
        dead = [row for row in others if (may_judge and row["beat_at"] < silent_since) or surely_dead(row["_id"])]
        for row in dead:
            sessions: list[UUID] = row.get("sessions", [])
            if sessions:
                await self._database.client.admin.command("killSessions", [{"id": Binary.from_uuid(session_id)} for session_id in sessions])
            await self._rows.delete_one({"_id": row["_id"], "beat_at": row["beat_at"]})
            _logger.warning("presence: %s stopped without a word; its %d sessions are ended", row["_id"], len(sessions))
        return len(dead)
