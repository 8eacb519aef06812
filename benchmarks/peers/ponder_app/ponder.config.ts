import { createConfig } from "ponder";
import { erc20Abi } from "viem";

// One token's transfers. Ponder reads what its events ask for, and nothing else of a block.
export default createConfig({
  chains: { replay: { id: Number(process.env.CHAIN_ID), rpc: process.env.RPC_URL!, maxRequestsPerSecond: 100_000 } },
  contracts: {
    Token: {
      chain: "replay",
      abi: erc20Abi,
      address: process.env.TOKEN as `0x${string}`,
      startBlock: 1,
      endBlock: Number(process.env.BLOCKS),
    },
  },
});
