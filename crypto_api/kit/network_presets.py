"""What is publicly known of the networks that most treasuries use: data, so that an installation names a network and adds only its providers.

Token contracts are those that their issuers publish, with the decimals of the contract. All of them say themselves what is final (`finality`):
Ethereum after two epochs, about 13 minutes; a roll-up once Ethereum holds its data for final; Polygon and BSC within seconds. `confirmations`
counts where a node tells no tag, and follows how deep each network was seen to reorganise: Polygon up to 157 blocks (December 2022), Ethereum
7 (May 2022).
`credits_agreed_above` is worth about 25,000 USD of each. `receipts_checked` is none where blocks hold transactions of the network's own kinds, whose
encoding is not that of Ethereum.
"""

from typing import Any


def _token(symbol: str, address: str, decimals: int, name: str) -> dict[str, Any]:
    return {"symbol": symbol, "address": address, "decimals": decimals, "name": name}


_ON_OP_STACK = "0x4200000000000000000000000000000000000006"  # a predeployed contract
_L1_FEE_OF_OP_STACK = "0x420000000000000000000000000000000000000F"  # GasPriceOracle, predeployed; Arbitrum's gas estimates hold that fee already

PRESETS: dict[str, dict[str, Any]] = {
    "ethereum": {
        "slug": "ethereum",
        "name": "Ethereum",
        "chain_id": 1,
        "native_asset": "ETH",
        "confirmations": 12,
        "finality": "tag",
        "poll_s": 4.0,
        "explorer_url": "https://etherscan.io",
        "credits_agreed_above": {"ETH": "8", "WETH": "8", "USDC": "25000", "USDT": "25000", "DAI": "25000", "EURC": "22000", "WBTC": "0.25"},
        "wrapped_native": _token("WETH", "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", 18, "Wrapped Ether"),
        "tokens": [
            _token("USDC", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", 6, "USD Coin"),
            _token("USDT", "0xdAC17F958D2ee523a2206206994597C13D831ec7", 6, "Tether USD"),
            _token("DAI", "0x6B175474E89094C44Da98b954EedeAC495271d0F", 18, "Dai Stablecoin"),
            _token("EURC", "0x1aBaEA1f7C830bD89Acc67eC4af516284b1bC33c", 6, "Euro Coin"),
            _token("WBTC", "0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599", 8, "Wrapped BTC"),
        ],
    },
    "polygon": {
        "slug": "polygon",
        "name": "Polygon",
        "chain_id": 137,
        "native_asset": "POL",
        "confirmations": 128,
        "finality": "tag",
        "reorg_depth_max": 200,
        "lag_blocks_max": 10,
        "poll_s": 2.0,
        "explorer_url": "https://polygonscan.com",
        "credits_agreed_above": {"POL": "100000", "WPOL": "100000", "USDC": "25000", "USDT": "25000", "DAI": "25000", "WETH": "8"},
        "receipts_checked": "none",
        "wrapped_native": _token("WPOL", "0x0d500B1d8E8eF31E21C99d1Db9A6444d3ADf1270", 18, "Wrapped Polygon"),
        "tokens": [
            _token("USDC", "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359", 6, "USD Coin"),
            _token("USDT", "0xc2132D05D31c914a87C6611C10748AEb04B58e8F", 6, "Tether USD"),
            _token("DAI", "0x8f3Cf7ad23Cd3CaDbD9735AFf958023239c6A063", 18, "Dai Stablecoin"),
            _token("WETH", "0x7ceB23fD6bC0adD59E62ac25578270cFf1b9f619", 18, "Wrapped Ether"),
        ],
    },
    "bsc": {
        "slug": "bsc",
        "name": "BNB Smart Chain",
        "chain_id": 56,
        "native_asset": "BNB",
        "confirmations": 15,
        "finality": "tag",
        "lag_blocks_max": 20,
        "poll_s": 1.0,
        "explorer_url": "https://bscscan.com",
        "credits_agreed_above": {"BNB": "30", "WBNB": "30", "USDC": "25000", "USDT": "25000"},
        "wrapped_native": _token("WBNB", "0xbb4CdB9CBd36B01bD1cBaEBF2De08d9173bc095c", 18, "Wrapped BNB"),
        "tokens": [
            _token("USDC", "0x8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d", 18, "USD Coin"),
            _token("USDT", "0x55d398326f99059fF775485246999027B3197955", 18, "Tether USD"),
        ],
    },
    "base": {
        "slug": "base",
        "l1_fee_oracle": _L1_FEE_OF_OP_STACK,
        "name": "Base",
        "chain_id": 8453,
        "native_asset": "ETH",
        "confirmations": 20,
        "finality": "tag",
        "lag_blocks_max": 10,
        "poll_s": 2.0,
        "explorer_url": "https://basescan.org",
        "credits_agreed_above": {"ETH": "8", "WETH": "8", "USDC": "25000", "EURC": "22000", "DAI": "25000"},
        "wrapped_native": _token("WETH", _ON_OP_STACK, 18, "Wrapped Ether"),
        "tokens": [
            _token("USDC", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", 6, "USD Coin"),
            _token("EURC", "0x60a3E35Cc302bFA44Cb288Bc5a4F316Fdb1adb42", 6, "Euro Coin"),
            _token("DAI", "0x50c5725949A6F0c72E6C4a641F24049A917DB0Cb", 18, "Dai Stablecoin"),
        ],
    },
    "arbitrum": {
        "slug": "arbitrum",
        "name": "Arbitrum One",
        "chain_id": 42161,
        "native_asset": "ETH",
        "confirmations": 40,
        "finality": "tag",
        "lag_blocks_max": 60,
        "poll_s": 1.0,
        "explorer_url": "https://arbiscan.io",
        "credits_agreed_above": {"ETH": "8", "WETH": "8", "USDC": "25000", "USDT": "25000", "DAI": "25000", "ARB": "60000"},
        "receipts_checked": "none",
        "wrapped_native": _token("WETH", "0x82aF49447D8a07e3bd95BD0d56f35241523fBab1", 18, "Wrapped Ether"),
        "tokens": [
            _token("USDC", "0xaf88d065e77c8cC2239327C5EDb3A432268e5831", 6, "USD Coin"),
            _token("USDT", "0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9", 6, "Tether USD"),
            _token("DAI", "0xDA10009cBd5D07dd0CeCc66161FC93D7c9000da1", 18, "Dai Stablecoin"),
            _token("ARB", "0x912CE59144191C1204E64559FE8253a0e49E6548", 18, "Arbitrum"),
        ],
    },
    "optimism": {
        "slug": "optimism",
        "l1_fee_oracle": _L1_FEE_OF_OP_STACK,
        "name": "OP Mainnet",
        "chain_id": 10,
        "native_asset": "ETH",
        "confirmations": 20,
        "finality": "tag",
        "lag_blocks_max": 10,
        "poll_s": 2.0,
        "explorer_url": "https://optimistic.etherscan.io",
        "credits_agreed_above": {"ETH": "8", "WETH": "8", "USDC": "25000", "USDT": "25000", "DAI": "25000", "OP": "40000"},
        "wrapped_native": _token("WETH", _ON_OP_STACK, 18, "Wrapped Ether"),
        "tokens": [
            _token("USDC", "0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85", 6, "USD Coin"),
            _token("USDT", "0x94b008aA00579c1307B0EF2c499aD98a8ce58e58", 6, "Tether USD"),
            _token("DAI", "0xDA10009cBd5D07dd0CeCc66161FC93D7c9000da1", 18, "Dai Stablecoin"),
            _token("OP", "0x4200000000000000000000000000000000000042", 18, "Optimism"),
        ],
    },
    "sepolia": {
        "slug": "sepolia",
        "name": "Sepolia",
        "chain_id": 11155111,
        "native_asset": "ETH",
        "confirmations": 12,
        "finality": "tag",
        "poll_s": 4.0,
        "explorer_url": "https://sepolia.etherscan.io",
        "credits_agreed_above": {"ETH": "8", "WETH": "8", "USDC": "25000"},
        "wrapped_native": _token("WETH", "0xfFf9976782d46CC05630D1f6eBAb18b2324d6B14", 18, "Wrapped Ether"),
        "tokens": [_token("USDC", "0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238", 6, "USD Coin")],
    },
    "local": {"slug": "local", "name": "Local chain", "chain_id": 31337, "native_asset": "ETH", "confirmations": 3, "poll_s": 1.0},
}
"""By name: rows of the networks file without providers. `local` is a development node such as anvil."""


def preset_of_chain(chain_id: int) -> str | None:
    """The name of the preset for a public network of that id."""
    return next((name for name, row in PRESETS.items() if row["chain_id"] == chain_id and name != "local"), None)
