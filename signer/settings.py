"""What the signer is told, in the environment or `.env`: in two parts, so that only the vault ever reads a master key."""

from base64 import b64decode
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from crypto_api.kit.private_transport import is_private, is_private_mongodb

_KEY_BYTES = 32


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class DeskSettings(BaseSettings):
    """Of the process that listens and reads the database."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    mongodb_uri: str = "mongodb://127.0.0.1:27017/?replicaSet=rs0"
    mongodb_database: str = "coffer"
    signer_socket: Path = Path(".data/run/signer.sock")
    signer_client_uids: Annotated[list[int], NoDecode, BeforeValidator(_listed)] = []  # besides its own user
    log_dir: Path = Path("logs")
    otel_exporter_otlp_logs_endpoint: str = Field(default="", pattern=r"^(https?://[^\s?#]{1,500})?$")
    development: bool = False

    def unsafe(self) -> list[str]:
        """What must not be where money of others is handled: what would be said in the clear, or to whoever answers."""
        logs = self.otel_exporter_otlp_logs_endpoint
        found = {
            "MONGODB_URI: must have tls=true, and look at certificates": not is_private_mongodb(self.mongodb_uri),
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: must be https": bool(logs) and not is_private(logs),
            "coincurve: must be installed: Python alone would sign, in a time that tells of the key": find_spec("coincurve") is None,
        }
        return [] if self.development else [sentence for sentence, is_so in found.items() if is_so]


class VaultSettings(BaseSettings):
    """Of the process that has the keys."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    master_key: SecretStr = Field(default=SecretStr(""), validate_default=True)
    master_key_id: str = Field(default="k1", pattern=r"^[A-Za-z0-9._-]{1,64}$")
    master_keys_previous: SecretStr = SecretStr("")

    @field_validator("master_key")
    @classmethod
    def _is_256_bits(cls, value: SecretStr) -> SecretStr:
        if not _is_key(value.get_secret_value()):
            raise ValueError("MASTER_KEY must be 32 bytes in base64")
        return value

    @field_validator("master_keys_previous")
    @classmethod
    def _are_keys(cls, value: SecretStr) -> SecretStr:
        if not all(key_id and _is_key(key) for key_id, key in _pairs(value)):
            raise ValueError("MASTER_KEYS_PREVIOUS must be id:base64, separated by commas, each key of 32 bytes")
        return value

    @property
    def previous(self) -> dict[str, str]:
        return dict(_pairs(self.master_keys_previous))


def _pairs(value: SecretStr) -> list[tuple[str, str]]:
    parts = (part.strip().partition(":") for part in value.get_secret_value().split(",") if part.strip())
    return [(key_id, key) for key_id, _, key in parts]


def _is_key(text: str) -> bool:
    try:
        return len(b64decode(text, validate=True)) == _KEY_BYTES
    except ValueError:
        return False


VAULT_NAMES = ("MASTER_KEY", "MASTER_KEY_ID", "MASTER_KEYS_PREVIOUS")
"""The variables that the desk hands on and forgets."""
