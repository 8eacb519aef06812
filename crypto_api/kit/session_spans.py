"""How long sessions last: from the log-in at most, and without being used. The settings say otherwise where an operator does."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

REFRESH_LIFETIME = timedelta(days=14)
PROGRAM_LIFETIME = timedelta(days=30)
"""NIST SP 800-63B-4, 2.1.3 and 5.2: who it is is asked again at least once in 30 days, whatever the session was used for meanwhile."""
DASHBOARD_LIFETIME = timedelta(days=14)
DASHBOARD_IDLE = timedelta(hours=24)

Way = Literal["api", "dashboard"]
"""How a session goes on: by refresh tokens or by the dashboard's cookie."""


@dataclass(frozen=True)
class Spans:
    """Counted from the log-in, which a session keeps, so that a change of the settings holds for sessions that are open already, too."""

    program: timedelta = PROGRAM_LIFETIME
    program_idle: timedelta = REFRESH_LIFETIME
    dashboard: timedelta = DASHBOARD_LIFETIME
    dashboard_idle: timedelta = DASHBOARD_IDLE

    def ends(self, opened_at: datetime, used_at: datetime, way: Way) -> datetime:
        """When a session is over that was opened then and is used for the last time at `used_at`."""
        longest, idle = (self.program, self.program_idle) if way == "api" else (self.dashboard, self.dashboard_idle)
        return min(opened_at + longest, used_at + idle)
