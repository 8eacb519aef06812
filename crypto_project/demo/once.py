"""`demo --once`: play the scenario against the running system, count both sides, print the verdict."""

import json
import time
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from crypto_project.demo.chain import ChainActor
from crypto_project.demo.chain_census import Watched, read_balances, take_chain_census
from crypto_project.demo.database_census import DatabaseCensus, EventFacts
from crypto_project.demo.event_listener import EventListener
from crypto_project.demo.scenario import NotReached, Scenario
from crypto_project.demo.verdict import Evidence, judge
from crypto_project.demo.world import DemoWorld
from crypto_project.shell import Shell

FOLLOWER = "follower"
DATABASE = "coffer"
DECIMALS = {"ETH": 18, "WETH": 18, "USDC": 6, "DAI": 18}


async def run(shell: Shell, *, json_output: bool) -> int:
    """The exit code: 0 when everything agrees."""
    with Console(stderr=True).status("playing the scenario …"):
        summary = await play_and_judge(shell)
    if json_output:
        print(json.dumps(summary, indent=2))
    else:
        _print(summary)
    return 0 if summary["ok"] else 1


async def play_and_judge(shell: Shell) -> dict[str, Any]:
    world = shell.world
    assert isinstance(world, DemoWorld)
    started, addresses = time.monotonic(), shell.addresses
    actor = ChainActor(addresses.rpc_url, addresses.chain_id)
    census = DatabaseCensus(addresses.mongodb_uri, shell.env.get("MONGODB_DATABASE", DATABASE), world.org_id, world.network)
    scenario = Scenario(actor, world, census, lambda: shell.processes.kill(FOLLOWER))
    shortfalls: list[str] = []
    try:
        await actor.take_over_mining()
        async with EventListener(shell.base_url, **world.admin) as listener:
            try:
                await scenario.play()
                events = await scenario.finish(lambda: listener.heard.last)
            except NotReached as problem:
                shortfalls.append(str(problem))
                events = await census.events()
            evidence = await _collect(shell, world, census, scenario, listener, events, started)
    finally:
        await census.close()
        await actor.close()
    summary = judge(evidence)
    summary["problems"][:0] = shortfalls
    return {**summary, "ok": not summary["problems"]}


async def _collect(
    shell: Shell, world: DemoWorld, census: DatabaseCensus, scenario: Scenario, listener: EventListener, events: EventFacts, started: float
) -> Evidence:
    wallets = [wallet["address"].lower() for wallet in await census.wallets()]
    contracts = world.contracts
    tokens = {"ETH": "", "WETH": contracts.weth, "USDC": contracts.usdc, "DAI": contracts.dai}
    listed = frozenset(address.lower() for address in tokens.values() if address)
    watched = Watched(frozenset(wallets), listed, contracts.weth.lower())
    chain = await take_chain_census(shell.addresses.rpc_url, watched, scenario.story.first_block)
    return Evidence(
        story=scenario.story,
        chain=chain,
        balances=await read_balances(shell.addresses.rpc_url, wallets, tokens, chain.head),
        decimals=DECIMALS,
        database=await census.movements(),
        ledger=await census.ledger(),
        events=events,
        heard=listener.heard,
        seconds=time.monotonic() - started,
    )


def _print(summary: dict[str, Any]) -> None:
    console = Console()
    table = Table("part", "figure", "value", title="demo --once", title_justify="left")
    for part in ("movements", "ledger", "events"):
        for figure, value in summary[part].items():
            table.add_row(part, figure, str(value))
    for figure, latency in summary["latency_ms"].items():
        table.add_row("latency", figure.replace("_", " "), f"p50 {latency['p50']} ms, p99 {latency['p99']} ms")
    for fault in summary["faults"]:
        details = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in fault.items() if name != "kind")
        table.add_row("fault played", fault["kind"].replace("_", " "), details)
    table.add_row("time", "seconds", str(summary["seconds"]))
    console.print(table)
    for problem in summary["problems"]:
        console.print(f"[red]wrong:[/red] {escape(problem)}", highlight=False)
    console.print("[green]Everything agrees.[/green]" if summary["ok"] else "[red]Not everything agrees.[/red]")
