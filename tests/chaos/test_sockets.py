"""A short run of consoles under fire, and that it would see what is wrong. The long one: `manage.py chaos --of sockets`."""

from crypto_api.organizations.types import Role
from tests.chaos.sockets import API, RELAY, SEATS, Client, judged, linked, socket_runs
from tests.sockets.conftest import Member


async def test_every_client_reads_the_log_once_in_order_whatever_dies() -> None:
    (outcome,) = [one async for one in socket_runs([1], clients=9, kills=1)]
    assert outcome.problems == []
    assert outcome.fired == {API: 1, RELAY: 1}
    assert outcome.counted["events"] > 10 and outcome.counted["connections"] >= 2 * 9


def test_a_gap_a_repeat_and_a_swap_are_found() -> None:
    (_, seat), nobody = SEATS[0], Member(None, "org_1", "usr_1", "ses_1", "")  # type: ignore[arg-type]
    assert SEATS[0][0] is Role.ADMIN
    wanted = {seat: linked([1, 2, 3])}
    lists = {"whole": [1, 2, 3], "gap": [1, 3], "repeat": [1, 2, 2, 3], "swapped": [2, 1, 3], "short": [1, 2]}
    clients = [Client(nobody, seat, 0, linked(numbers)) for numbers in lists.values()]
    found = judged(clients, wanted)
    assert [line.split(" of ")[0] for line in found] == [f"client {number}" for number in (1, 2, 3, 4)]
