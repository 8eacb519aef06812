"""Settings from the environment or `.env`: one typed object, documented in `.env.example`. Networks come from a JSON file."""

import re
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from crypto_api.kit.networks import NetworkConfig
from crypto_api.kit.price_settings import PriceSettings
from crypto_api.kit.private_transport import is_here, is_private, is_private_mongodb, is_private_redis
from crypto_api.kit.session_spans import Spans


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


CommaList = Annotated[list[str], NoDecode, BeforeValidator(_listed)]
Networks = Annotated[list[IPv4Network | IPv6Network], NoDecode, BeforeValidator(_listed)]
_ORIGIN = re.compile(r"https?://([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(:[0-9]{1,5})?", re.ASCII)


def _rate(value: str) -> str:
    if not _RATE.fullmatch(value):
        raise ValueError("must look like: 100 per 15 minutes")
    return value


_RATE = re.compile(r"[1-9][0-9]{0,8} per ([1-9][0-9]{0,3} )?(second|minute|hour|day)s?", re.ASCII)
_BCRYPT_COST_MIN = 10  # OWASP Password Storage Cheat Sheet; less is for tests
Rate = Annotated[str, AfterValidator(_rate)]


class Config(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    mongodb_uri: str = "mongodb://127.0.0.1:27017/?replicaSet=rs0"
    mongodb_database: str = "coffer"
    redis_url: str = "redis://127.0.0.1:6379/0"
    secret_key: SecretStr = Field(default=SecretStr(""), validate_default=True)
    secret_key_previous: SecretStr = SecretStr("")
    signer_socket: Path = Path(".data/run/signer.sock")
    development: bool = False  # on this machine, with nobody's money: then what `unsafe()` names is allowed
    debug: bool = False
    allowed_hosts: CommaList = ["127.0.0.1", "localhost"]
    cors_origins: CommaList = []
    trusted_proxies: Networks = []
    hsts_preload: bool = False  # the name may be put on the list of the browsers
    networks: Path | None = None
    prices: Path | None = None
    email_host: str = "127.0.0.1"
    email_port: int = 25
    email_host_user: str = ""
    email_host_password: SecretStr = SecretStr("")
    email_from: str = "coffer@localhost"
    email_tls: Literal["required", "offered"] = "required"  # not asked for of a server on this machine
    email_mock_mode: bool = False
    llm_base_url: str = ""
    llm_api_key: SecretStr = SecretStr("")
    llm_ca_file: Path | None = None  # PEM of the authority that vouches for that server; None: those that the system believes
    llm_model_name: str = "granite4:micro"
    llm_model_digest: str = Field(default="", pattern=r"^((sha256:)?[0-9a-f]{12,64})?$")  # how that of the weights begins; empty: whichever they are
    llm_timeout_s: float = Field(default=20.0, gt=0, le=600)
    llm_concurrency: int = Field(default=1, ge=1, le=64)  # questions at a time, of each process
    llm_keep_alive: str = Field(default="5m", pattern=r"^(-1|[0-9]{1,6}(s|m|h))$")  # how long the server keeps the weights in memory; -1: for ever
    llm_batch: int = Field(default=10, ge=1, le=1000)  # undecided transactions that one round of the sweep asks about, of each network
    llm_confidence_min: float | None = Field(default=None, ge=0, le=1)  # None: the model only suggests, a person decides
    frontend_url: str = "http://127.0.0.1:8000"
    backend_url: str = "http://127.0.0.1:8000"
    second_factor_required: bool = False  # of everybody, whatever their organisation asks
    code_steps_around: int = Field(default=1, ge=0, le=1)  # codes of an authenticator app that count beside the present one, to each side
    bcrypt_cost: int = Field(default=12, ge=4, le=16)
    session_days: int = Field(default=30, ge=1, le=365)  # of a program, from its log-in
    session_page_days: int = Field(default=14, ge=1, le=30)  # of the pages, from the log-in
    session_idle_hours: int = Field(default=24, ge=1, le=336)  # of the pages, without being used
    limit_failed_log_ins: Rate = "100 per 15 minutes"
    limit_registrations: Rate = "300 per 10 minutes"
    limit_mails: Rate = "60 per 10 minutes"
    limit_resets: Rate = "60 per 10 minutes"
    limit_challenges: Rate = "1000 per 10 minutes"
    limit_payer_pages: Rate = "1200 per 10 minutes"
    limit_calls: Rate = "6000 per minute"
    limit_pages: Rate = "3000 per minute"
    requests_running_max: int = Field(default=8, ge=1, le=1_000_000)  # of each API process, at a time
    requests_waiting_max: int = Field(default=256, ge=0, le=1_000_000)
    webhook_hosts: CommaList = ["*"]
    webhook_private_hosts: CommaList = []
    news_feeds: CommaList = []
    solc_dir: Path = Path(".data/solc")
    slither_dir: Path = Path(".data/slither")
    log_dir: Path = Path("logs")
    metrics_listen: str = Field(default="", pattern=r"^(.{1,255}:[0-9]{1,5})?$")  # host and port for Prometheus; empty: nobody is told
    metrics_certificate: Path | None = None  # PEM with key and certificate, for those figures over TLS
    metrics_client_ca: Path | None = None  # who asks for them shows a certificate of this authority
    otel_exporter_otlp_endpoint: str = Field(default="", pattern=r"^(https?://[^\s?#]{1,500})?$")  # of a collector; empty: nothing is traced
    otel_exporter_otlp_logs_endpoint: str = Field(default="", pattern=r"^(https?://[^\s?#]{1,500})?$")  # that takes the log

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 32:
            raise ValueError("SECRET_KEY must have at least 32 characters")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _exact_origins(cls, value: list[str]) -> list[str]:
        for origin in value:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"CORS_ORIGINS: {origin} is no origin such as https://app.example.com: scheme, name and port, no path, no *")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _not_everybody(cls, value: list[IPv4Network | IPv6Network]) -> list[IPv4Network | IPv6Network]:
        if any(network.prefixlen == 0 for network in value):
            raise ValueError("TRUSTED_PROXIES must not be everybody: anyone could then claim to be anyone")
        return value

    @field_validator("news_feeds")
    @classmethod
    def _over_tls(cls, value: list[str]) -> list[str]:
        for address in value:
            if not address.startswith("https://"):
                raise ValueError(f"NEWS_FEEDS: {address[:100]} is no https address")
        return value

    def rates(self) -> dict[str, str]:
        """What one address of the network, or one person, may do how often, by its name without `limit_`."""
        found = self.model_dump(include={name for name in type(self).model_fields if name.startswith("limit_")})
        return {name.removeprefix("limit_"): rate for name, rate in found.items()}

    @property
    def over_tls(self) -> bool:
        """Whether people reach the pages over TLS."""
        return self.frontend_url.startswith("https://")

    def unsafe(self) -> list[str]:
        """What must not be where money of others is handled, a sentence each that begins with the setting. A process that serves starts with none
        of it, unless DEVELOPMENT says that it is no such place."""
        if self.development:
            return []
        plain = [origin for origin in self.cors_origins if not is_private(origin)]
        found = {
            "DEBUG: must be false": self.debug,
            f"BCRYPT_COST: must be {_BCRYPT_COST_MIN} or more": self.bcrypt_cost < _BCRYPT_COST_MIN,
            "EMAIL_MOCK_MODE: must be false, or links that set passwords lie in LOG_DIR": self.email_mock_mode,
            "ALLOWED_HOSTS: must name hosts, not *": "*" in self.allowed_hosts,
            "FRONTEND_URL: must be the https address under which people reach the pages": not is_private(self.frontend_url),
            f"CORS_ORIGINS: {', '.join(plain)[:200]}: must be https": bool(plain),
        }
        return [sentence for sentence, is_so in found.items() if is_so] + self._said_in_the_clear()

    def _said_in_the_clear(self) -> list[str]:
        """Servers that are not on this machine, to which it would be said in the clear or to whoever answers (OWASP ASVS 5.0, 12.3)."""
        host, _, _ = self.metrics_listen.rpartition(":")
        figures_in_the_clear = bool(host) and not is_here(host.strip("[]")) and self.metrics_certificate is None
        nodes = ", ".join(self._nodes_in_the_clear())[:200]
        asked = {
            "LLM_BASE_URL": self.llm_base_url,
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.otel_exporter_otlp_endpoint,
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": self.otel_exporter_otlp_logs_endpoint,
        }
        found = {
            "MONGODB_URI: must have tls=true, and look at certificates": not is_private_mongodb(self.mongodb_uri),
            "REDIS_URL: must begin with rediss://, and look at certificates": not is_private_redis(self.redis_url),
            "EMAIL_TLS: must be required": self.email_tls == "offered",
            "METRICS_LISTEN: must be on this machine, or have METRICS_CERTIFICATE": figures_in_the_clear,
            **{f"{name}: must be https": bool(address) and not is_private(address) for name, address in asked.items()},
            f"NETWORKS: {nodes}: must be https or wss": bool(nodes),
        }
        return [sentence for sentence, is_so in found.items() if is_so]

    def _nodes_in_the_clear(self) -> list[str]:
        """By host: the rest of an address may hold an access key. None where the file is wrong, which is said when it is needed."""
        try:
            networks = self.load_networks().values()
        except (OSError, ValueError, TypeError):
            return []
        addresses = [address for network in networks for address in (*(str(node.url) for node in network.endpoints()), *map(str, network.ws_urls()))]
        return sorted({urlsplit(address).hostname or "" for address in addresses if not is_private(address)})

    def spans(self) -> Spans:
        """How long sessions last."""
        return Spans(
            program=timedelta(days=self.session_days),
            dashboard=timedelta(days=self.session_page_days),
            dashboard_idle=timedelta(hours=self.session_idle_hours),
        )

    def load_networks(self) -> dict[str, NetworkConfig]:
        """The followed networks by slug. ValueError when the file is absent or wrong."""
        if self.networks is None:
            return {}
        rows = orjson.loads(self.networks.read_bytes())
        found = [NetworkConfig.model_validate(row) for row in rows]
        return {network.slug: network for network in found}

    def load_prices(self) -> PriceSettings:
        """Where prices come from. Without a file: by hand, the networks' feeds, and what was kept of them. ValueError when it is absent or wrong."""
        if self.prices is None:
            return PriceSettings()
        return PriceSettings.model_validate(orjson.loads(self.prices.read_bytes()))


def load_config() -> Config:
    return Config()
