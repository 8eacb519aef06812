from tests.chaos.reorganisations import MARGIN, house
from tests.conftest import ConfigMaker, LocalChain


async def test_three_depths_and_one_too_deep(chain: LocalChain, make_config: ConfigMaker) -> None:
    """A short run. All depths: `python -m tests.chaos.reorganisations`."""
    async with house(make_config, chain.rpc_url, chain.chain_id, seed=4, depth_max=9) as made:
        for depth in (1, 4, 9):
            outcome = await made.undo(depth)
            assert outcome.problems == [], outcome
        stopped = await made.stop(9 + MARGIN)
        assert stopped.problems == []
