from pydantic import BaseModel, ConfigDict, Field

from crypto_api.flows.read_portfolio import Division, Span
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Date, Instant, PageRead, ReadSchema, Time, Word
from crypto_api.kit.amounts import SignedMoney
from crypto_api.portfolio.types import HistoryPoint, HoldingMovement, NoResult, Part, Performance, Position, Return, Standing
from crypto_api.prices.types import PriceSource


class _Query(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")


class PortfolioAtQuery(_Query):
    at: Instant | None = Field(default=None, description="Now when left out. A moment of the past is told as it is known now.")


class PeriodQuery(_Query):
    span: Span | None = Field(default=None, description="Up to now; 30d when nothing is given.")
    date_from: Date | None = Field(default=None, description="First day, in the organisation's time zone.")
    date_to: Date | None = Field(default=None, description="Last day.")


class AllocationQuery(_Query):
    by: Division = Division.ASSET


class HoldingMovementsQuery(PageQuery):
    asset: Word = Field(examples=["ETH"])
    wallet_id: Word | None = None


class PortfolioPositionRead(ReadSchema):
    asset: str = Field(examples=["ETH"])
    quantity: SignedMoney
    cost: SignedMoney = Field(description="As the ledger has it.")
    cost_known: bool = Field(description="False: an entry without a price or a cost moved it, and the cost is too small.")
    rate: SignedMoney | None = Field(description="None: unpriced, and in no total.")
    rate_source: PriceSource | None
    rate_at: Time | None
    rate_origin: str | None
    value: SignedMoney | None
    unrealised: SignedMoney | None = Field(description="Value less cost.")
    share: SignedMoney | None = Field(examples=["0.25"], description="Of the priced total, 0 to 1.")
    wallets: int
    movements_url: str = Field(examples=["/api/portfolio/movements/?asset=ETH"], description="What it is made of.")

    @classmethod
    def of(cls, row: Position) -> "PortfolioPositionRead":
        return cls(
            asset=row.asset,
            quantity=row.quantity,
            cost=row.cost,
            cost_known=row.cost_known,
            rate=row.quote.rate if row.quote else None,
            rate_source=row.quote.source if row.quote else None,
            rate_at=row.quote.at if row.quote else None,
            rate_origin=row.quote.origin if row.quote else None,
            value=row.value,
            unrealised=row.unrealised,
            share=row.share,
            wallets=row.wallets,
            movements_url=f"/api/portfolio/movements/?asset={row.asset}",
        )


class PortfolioStandingRead(ReadSchema):
    currency: str = Field(examples=["USD"])
    at: Time
    value: SignedMoney = Field(description="Of what is priced.")
    cost: SignedMoney = Field(description="Of what is priced and whose cost is known.")
    unrealised: SignedMoney = Field(description="Of the same assets.")
    without_cost: list[str] = Field(description="Assets in neither: an entry without a price or a cost moved them.")
    unpriced: list[str] = Field(description="Assets that are held and in none of the three, since no source tells their price.")
    oldest_rate_at: Time | None

    @classmethod
    def of(cls, currency: str, found: Standing) -> "PortfolioStandingRead":
        return cls(
            currency=currency,
            at=found.at,
            value=found.value,
            cost=found.cost,
            unrealised=found.unrealised,
            without_cost=found.without_cost,
            unpriced=found.unpriced,
            oldest_rate_at=found.oldest_rate_at,
        )


class ReturnRead(ReadSchema):
    period: SignedMoney | None = Field(examples=["0.21"], description="For the whole period: 0.21 is 21 %.")
    annual: SignedMoney | None = Field(description="For a year of 365 days; none where the period is shorter than that.")
    none_because: NoResult | None

    @classmethod
    def of(cls, told: Return) -> "ReturnRead":
        return cls(period=told.period, annual=told.annual, none_because=told.none_because)


class ExcludedRead(ReadSchema):
    asset: str
    reason: str = Field(examples=["it has no price at the end of the period"])


class PerformanceRead(ReadSchema):
    currency: str = Field(examples=["USD"])
    since: Time = Field(description="Not before the books begin.")
    until: Time
    start_value: SignedMoney
    end_value: SignedMoney
    net_flows: SignedMoney = Field(description="What came in from outside less what went out, at its value then. Fees and rewards are none.")
    gain: SignedMoney = Field(description="End less start less flows.")
    realised: SignedMoney
    fees: SignedMoney
    rewards: SignedMoney
    time_weighted: ReturnRead = Field(description="Daily values linked, each day by Modified Dietz: whenever money came and went.")
    money_weighted: ReturnRead = Field(description="The internal rate of return of the flows and both values.")
    days: int
    valued_moments: int = Field(description="Days' ends at which everything that was held had a price; between others one sub-period goes on.")
    moments: int
    excluded: list[ExcludedRead] = Field(description="Assets that are left out of every figure, value and flows.")
    cut: bool = Field(description="More was booked than is read at once: the period begins later than was asked for.")

    @classmethod
    def of(cls, currency: str, found: Performance) -> "PerformanceRead":
        plain = {name: getattr(found, name) for name in cls.model_fields if name not in ("currency", "time_weighted", "money_weighted", "excluded")}
        return cls(
            currency=currency,
            time_weighted=ReturnRead.of(found.time_weighted),
            money_weighted=ReturnRead.of(found.money_weighted),
            excluded=[ExcludedRead(asset=row.asset, reason=row.reason) for row in found.excluded],
            **plain,
        )


class PortfolioRead(PortfolioStandingRead):
    positions: list[PortfolioPositionRead] = Field(description="Greatest value first, unpriced last.")
    performance: PerformanceRead | None = Field(description="Of the last 30 days; none before the books begin.")


class AllocationPartRead(ReadSchema):
    key: str = Field(examples=["ETH"], description="The asset, the wallet's id or the network's slug; empty for what others hold for us.")
    name: str
    value: SignedMoney
    cost: SignedMoney
    share: SignedMoney | None
    unpriced: list[str]

    @classmethod
    def of(cls, part: Part) -> "AllocationPartRead":
        return cls(key=part.key, name=part.name, value=part.value, cost=part.cost, share=part.share, unpriced=list(part.unpriced))


class AllocationRead(ReadSchema):
    currency: str
    at: Time
    by: Division
    items: list[AllocationPartRead]
    unpriced: int = Field(description="Assets that are held and in no value here.")


class PortfolioPointRead(ReadSchema):
    at: Time
    value: SignedMoney
    cost: SignedMoney
    flows: SignedMoney = Field(description="Since the point before.")
    unpriced: list[str]

    @classmethod
    def of(cls, row: HistoryPoint) -> "PortfolioPointRead":
        return cls(at=row.at, value=row.value, cost=row.cost, flows=row.flows, unpriced=list(row.unpriced))


class PortfolioHistoryRead(ReadSchema):
    currency: str
    since: Time
    cut: bool
    items: list[PortfolioPointRead]
    without_cost: list[str] = Field(description="Assets in no point's cost: an entry without a price or a cost moved them.")
    unpriced: int = Field(description="How many of the points leave out an asset without a price.")


class HoldingMovementRead(ReadSchema):
    entry_id: str
    date: Date
    description: str
    wallet_id: str | None
    account_code: str
    quantity: SignedMoney
    cost: SignedMoney = Field(description="What it added to, or took from, the cost of what is held.")
    unpriced: bool
    transaction_id: str | None
    transaction_hash: str | None

    @classmethod
    def of(cls, row: HoldingMovement) -> "HoldingMovementRead":
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class HoldingMovementsRead(PageRead[HoldingMovementRead]):
    """A page holds whole entries: one that moved the asset twice has two rows."""
