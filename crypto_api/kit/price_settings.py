"""Where an installation takes prices from, and in which order: data from the prices file, without I/O."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

MANUAL, ORACLE, HISTORY = "manual", "oracle", "history"
"""Sources that every installation has: what people enter, the networks' feed contracts, and what was kept of earlier answers."""


class ProviderKind(StrEnum):
    COINGECKO = "coingecko"  # simple price, and market chart by range
    COINBASE = "coinbase"  # candles of a product
    BINANCE = "binance"  # klines of a symbol
    ECB = "ecb"  # euro reference rates, as XML


_ECB_CODES = "EUR USD JPY CZK DKK GBP HUF PLN RON SEK CHF ISK NOK TRY AUD BRL CAD CNY HKD IDR ILS INR KRW MXN MYR NZD PHP SGD THB ZAR"
ECB_CURRENCIES = tuple(re.findall("[A-Z]{3}", _ECB_CODES))
_HOUR, _DAY = 3_600, 86_400
_PRESETS: Mapping[ProviderKind, Mapping[str, Any]] = {
    ProviderKind.COINGECKO: {
        "url": "https://api.coingecko.com/api/v3",
        "quotes": {"USD": "usd", "EUR": "eur", "GBP": "gbp", "CHF": "chf"},
        "assets": {
            "ETH": "ethereum",
            "USDC": "usd-coin",
            "USDT": "tether",
            "DAI": "dai",
            "WBTC": "wrapped-bitcoin",
            "POL": "polygon-ecosystem-token",
            "BNB": "binancecoin",
        },
        "step_s": 300,
        "age_max_s": _HOUR,
    },
    ProviderKind.COINBASE: {
        "url": "https://api.exchange.coinbase.com",
        "quotes": {"USD": "USD", "EUR": "EUR"},
        "assets": {"ETH": "ETH", "USDT": "USDT", "DAI": "DAI", "WBTC": "WBTC"},
        "step_s": 300,
        "age_max_s": _HOUR,
    },
    ProviderKind.BINANCE: {
        "url": "https://api.binance.com",
        "quotes": {"USDT": "USDT"},
        "assets": {"ETH": "ETH", "BNB": "BNB", "POL": "POL", "USDC": "USDC"},
        "step_s": 300,
        "age_max_s": _HOUR,
    },
    ProviderKind.ECB: {
        "url": "https://www.ecb.europa.eu/stats/eurofxref",
        "quotes": {code: code for code in ECB_CURRENCIES},
        "assets": {code: code for code in ECB_CURRENCIES},
        "step_s": _DAY,
        "age_max_s": 6 * _DAY,  # published on working days: over Easter the last one is five days old
        "bytes_max": 16_000_000,  # all days since 1999 are about eight
        "jump_max": 2,
    },
}


class PriceProvider(BaseModel):
    """One provider over HTTP. What the row leaves out is known of its kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: ProviderKind
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")
    url: str
    assets: dict[str, str]  # our name of an asset → the provider's
    quotes: dict[str, str]  # our name of a currency → the provider's; the first is asked where the wanted one is not among them
    headers: dict[str, SecretStr] = {}  # for an access key
    step_s: int = Field(gt=0)  # how far apart its rates are; a kept one that is nearer than this is not asked for again
    age_max_s: int = Field(gt=0)  # an older rate is not used
    timeout_s: float = Field(default=5.0, gt=0, le=30)
    bytes_max: int = Field(default=2_000_000, gt=0, le=64_000_000)
    jump_max: int = Field(default=10, gt=1)  # a rate this many times, or this part of, what was last known within three days is not believed
    private: bool = False  # it stands in our own network: http and private addresses are allowed for it, and only for it

    @model_validator(mode="before")
    @classmethod
    def _from_preset(cls, row: Any) -> Any:
        if not isinstance(row, dict) or row.get("kind") not in list(ProviderKind):
            return row
        return {**_PRESETS[ProviderKind(row["kind"])], "name": row["kind"], **row}

    @model_validator(mode="after")
    def _is_reachable(self) -> Self:
        parts = urlsplit(self.url)
        if not parts.hostname or parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(f"price provider {self.name}: url must name a host, without user, query or fragment")
        if parts.scheme != "https" and not (self.private and parts.scheme == "http"):
            raise ValueError(f"price provider {self.name}: url must begin with https://")
        if self.name in (MANUAL, ORACLE, HISTORY):
            raise ValueError(f"price provider {self.name}: the name is taken")
        if not self.assets or not self.quotes:
            raise ValueError(f"price provider {self.name}: it needs assets and quotes")
        return self


class PriceSettings(BaseModel):
    """The prices file. Without one nothing outside is asked but the networks' own nodes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    providers: list[PriceProvider] = []
    order: list[str] = []  # empty: manual, oracle, the providers as they are listed, history
    history_age_max_s: int = Field(default=_HOUR, ge=0)  # how old a kept answer may be where no source has a fresh one
    refresh_s: int = Field(default=60, ge=5)  # how often what is held and watched is asked for

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        names = [provider.name for provider in self.providers]
        if len(names) != len(set(names)):
            raise ValueError("a price provider is listed twice")
        if self.order and (unknown := set(self.order) - {MANUAL, ORACLE, HISTORY, *names}):
            raise ValueError(f"order of prices: {', '.join(sorted(unknown))} is not known")
        if len(self.order) != len(set(self.order)):
            raise ValueError("order of prices: a source is named twice")
        return self

    def sources(self) -> list[str]:
        """In the order in which they are asked."""
        return self.order or [MANUAL, ORACLE, *(provider.name for provider in self.providers), HISTORY]

    def provider(self, name: str) -> PriceProvider | None:
        return next((provider for provider in self.providers if provider.name == name), None)
