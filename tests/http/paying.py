"""Fixtures of what pays, on a node of the module's own: whoever founded the organisation, and a policy that lets everything through."""

from collections.abc import AsyncIterator

import pytest

from crypto_api.runtime import Runtime
from tests.factories.paying import FREE, Node, PayingHouse, network_row, paying_node
from tests.http.conftest import Join, Person, confirmed


@pytest.fixture(scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Node]:
    async with paying_node(tmp_path_factory.mktemp("node")) as made:
        yield made


@pytest.fixture
def networks(node: Node) -> list[dict[str, object]]:
    actor, url, contracts = node
    return [network_row(url, actor.chain_id, contracts)]


@pytest.fixture
async def ada(join: Join) -> Person:
    """Founded it; may everything, and confirmed for the use of keys."""
    return await confirmed(await join("ada", founds="Byron Treasury"))


@pytest.fixture
async def house(runtime: Runtime, node: Node, ada: Person) -> PayingHouse:
    actor, _, contracts = node
    actor.forget_nonces()
    made = PayingHouse(runtime, actor, contracts, ada.org_id)
    await made.policy(FREE)
    return made
