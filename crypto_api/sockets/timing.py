"""How long and how much: the figures of the sockets in one place."""

HEARTBEAT_S = 20  # a ping this often
SILENT_S_MAX = 3.0 * HEARTBEAT_S  # a client that says nothing for so long is dropped
HEAD_S = 5.0  # how often a console is told the head, so that a silent loss shows
POLL_S = 1.0  # how often the hub looks at the heads by itself
RECHECK_S = 2.0  # how often sessions and roles behind the sockets are looked at
STATE_S = 1.0  # how often at most a state that is followed is told again
RETRY_S = 0.5  # pause after a read that failed

ADMISSION_S_MAX = 4.0  # a database that does not answer by then: try again later, well before a client gives its handshake up (10 s)
TOLD_AT_ONCE = 200  # sockets that are told something before others get their turn
ADMITTED_AT_ONCE = 200  # who are looked up together
RESUME_GRACE_S = 1.0
"""How long live frames are held back for a client that may be about to say where it stopped. Whatever it says ends the wait; one that says it
in the address is never waited for."""
READ_TURNS = 10
"""Turns of the event loop until what had arrived at the socket is read: transport, protocol, uvicorn's queue, Channels' task, the consumer."""

REPLAY_MAX = 10_000  # a client that is further behind gets a fresh snapshot instead
CLOSE_S_MAX = 60.0  # how long a client that reads nothing may keep its socket after we closed it
FRAMES_PER_S, FRAMES_AT_ONCE = 20, 100  # what a client may send
