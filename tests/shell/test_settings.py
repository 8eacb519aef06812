"""A missing or unsafe setting stops a process that serves, with one line that says what and how."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from eth_keys import KeyAPI
from eth_keys.backends import CoinCurveECCBackend

from crypto_api.config import Config
from crypto_api.kit.private_transport import is_private_mongodb, is_private_redis
from signer.settings import DeskSettings
from tests.conftest import TEST_SECRET_KEY

ROOT = Path(__file__).resolve().parents[2]
SOUND = {"SECRET_KEY": TEST_SECRET_KEY}


def start(
    env: dict[str, str], cwd: Path, code: str = "import crypto_project.settings as s; print(s.DATABASES, s.MIDDLEWARE)"
) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if name not in SOUND}
    return subprocess.run(
        [sys.executable, "-c", code], env=bare | env | {"PYTHONPATH": str(ROOT)}, cwd=cwd, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"BCRYPT_COST": "3"}, "BCRYPT_COST"),
        ({"DEBUG": "perhaps"}, "DEBUG"),
    ],
)
def test_one_line_and_code_78(changes: dict[str, str], told: str, tmp_path: Path) -> None:
    done = start(SOUND | changes, tmp_path)
    assert done.returncode == 78
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("settings: ")
    assert told in done.stderr
    assert all(value not in done.stderr for value in changes.values() if len(value) > 4)


SAFE = {"DEVELOPMENT": "false", "BCRYPT_COST": "12", "FRONTEND_URL": "https://coffer.example"}
UNSAFE = {
    "DEBUG": "true",
    "BCRYPT_COST": "9",
    "EMAIL_MOCK_MODE": "true",
    "ALLOWED_HOSTS": "coffer.example,*",
    "FRONTEND_URL": "http://10.0.0.5:8000",
    "CORS_ORIGINS": "http://app.example,https://books.example,http://localhost:5173",
}


def test_what_is_for_tests_alone_is_not_served_with(tmp_path: Path) -> None:
    done = start(SOUND | SAFE | UNSAFE, tmp_path)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (78, "", 1)
    assert [part.partition(":")[0] for part in done.stderr.removeprefix("settings: ").split("; ")] == list(UNSAFE)
    assert "http://app.example:" in done.stderr and "books.example" not in done.stderr and "localhost" not in done.stderr


@pytest.mark.parametrize("changes", [{}, {"BCRYPT_COST": "10"}, UNSAFE | {"DEVELOPMENT": "true"}], ids=["safe", "cost", "development"])
def test_what_is_safe_or_said_to_be_for_development_is_served_with(changes: dict[str, str], tmp_path: Path) -> None:
    assert start(SOUND | SAFE | changes, tmp_path, "import crypto_project.settings as s").returncode == 0


@pytest.mark.parametrize(
    ("frontend", "refused"),
    [
        ("http://127.0.0.1:8000", False),
        ("http://[::1]:8000", False),
        ("http://localhost", False),
        ("http://coffer.localhost", False),
        ("http://0.0.0.0:8000", True),
        ("http://localhost.example", True),
        ("http://127.0.0.1.example", True),
        ("coffer.example", True),
        ("", True),
    ],
)
def test_pages_go_over_tls_or_stay_on_this_machine(frontend: str, refused: bool) -> None:
    config = Config(_env_file=None, secret_key=TEST_SECRET_KEY, development=False, bcrypt_cost=12, frontend_url=frontend)  # type: ignore[call-arg,arg-type]
    assert [sentence.partition(":")[0] for sentence in config.unsafe()] == ["FRONTEND_URL"] * refused


CLEAR = {
    "MONGODB_URI": "mongodb://db.internal:27017,127.0.0.1:27017/?replicaSet=rs0",
    "REDIS_URL": "redis://:pw@10.0.0.5:6379/0",
    "EMAIL_TLS": "offered",
    "METRICS_LISTEN": "0.0.0.0:9464",
    "LLM_BASE_URL": "http://ollama:11434",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://jaeger:4318",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://logs:4318/v1/logs",
    "NETWORKS": "networks.json",
}


def test_what_would_be_said_in_the_clear_is_not_said(tmp_path: Path) -> None:
    """Each server by itself, and by all of its addresses; what is on this machine, or over TLS, is none of them."""
    nodes = ["https://one.example/key", "http://127.0.0.1:8545", "http://node.example/v3/access-key"]
    row = {"slug": "x", "name": "X", "chain_id": 5, "rpc_urls": nodes, "ws_url": "ws://sockets.example/k"}
    (tmp_path / "networks.json").write_text(json.dumps([row]))
    done = start(SOUND | SAFE | CLEAR, tmp_path)
    told = done.stderr.removeprefix("settings: ").split("; ")
    assert (done.returncode, done.stdout, [part.partition(":")[0] for part in told]) == (78, "", list(CLEAR))
    assert "node.example, sockets.example:" in told[-1] and "access-key" not in done.stderr and "one.example" not in done.stderr
    here = {**CLEAR, "MONGODB_URI": "mongodb://localhost:27017,[::1]:27018/", "REDIS_URL": "unix:///run/valkey.sock", "EMAIL_TLS": "required",
            "METRICS_LISTEN": "127.0.0.1:9464", "NETWORKS": ""}  # fmt: skip
    here |= {name: "http://localhost:4318/x" for name in CLEAR if name.startswith(("OTEL", "LLM"))}
    config = Config(_env_file=None, secret_key=TEST_SECRET_KEY, **{name.lower(): value for name, value in (SAFE | here).items() if value})  # type: ignore[call-arg,arg-type]
    assert config.unsafe() == []


@pytest.mark.parametrize(
    ("uri", "private"),
    [
        ("mongodb://a,b/?tls=true&replicaSet=rs0", True),
        ("mongodb://u:p%40@a:1/db?TLS=true", True),
        ("mongodb://a/?ssl=true", True),
        ("mongodb+srv://set.example/", True),
        ("mongodb+srv://set.example/?tls=false", False),
        ("mongodb://a/?tls=false", False),
        ("mongodb://a/?tls=true&tlsInsecure=true", False),
        ("mongodb://a/?tls=true&tlsAllowInvalidCertificates=true", False),
        ("mongodb://a/?tls=true&tlsAllowInvalidHostnames=true", False),
        ("mongodb://%2Frun%2Fmongodb.sock/", True),
        ("mongodb://127.0.0.1:27017,[::1]:27018/?replicaSet=rs0", True),
        ("mongodb://127.0.0.1@evil.example/", False),
        ("rediss://valkey:6379/0?ssl_ca_certs=/x", True),
        ("rediss://valkey:6379/0?ssl_cert_reqs=none", False),
        ("rediss://valkey:6379/0?ssl_cert_reqs=optional", False),
        ("rediss://valkey:6379/0?ssl_check_hostname=false", False),
        ("redis://valkey:6379/0", False),
        ("redis://:pw@127.0.0.1:6379/0", True),
        ("redis://127.0.0.1@valkey/0", False),
        ("unix:///run/valkey.sock", True),
    ],
)
def test_which_connections_nobody_reads_along(uri: str, private: bool) -> None:
    of = is_private_mongodb if uri.startswith("mongodb") else is_private_redis
    assert of(uri) is private


def test_the_signer_says_nothing_in_the_clear_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MONGODB_URI", raising=False)
    told = {"mongodb_uri": CLEAR["MONGODB_URI"], "otel_exporter_otlp_logs_endpoint": "http://logs:4318/v1/logs"}
    names = [sentence.partition(":")[0] for sentence in DeskSettings(_env_file=None, development=False, **told).unsafe()]  # type: ignore[call-arg,arg-type]
    assert names == ["MONGODB_URI", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"]
    assert DeskSettings(_env_file=None, development=True, **told).unsafe() == []  # type: ignore[call-arg,arg-type]


def test_keys_sign_by_libsecp256k1_and_by_nothing_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which curve code signs: the library of Bitcoin Core, or the signer does not begin."""
    assert type(KeyAPI().backend) is CoinCurveECCBackend
    assert re.search(r"^coincurve==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    monkeypatch.setattr("signer.settings.find_spec", lambda _: None)
    sound = {"mongodb_uri": "mongodb://127.0.0.1/", "development": False}
    assert [told.partition(":")[0] for told in DeskSettings(_env_file=None, **sound).unsafe()] == ["coincurve"]  # type: ignore[call-arg,arg-type]


def test_keys_that_are_not_given_at_all_are_missed(tmp_path: Path) -> None:
    done = start({}, tmp_path)
    assert done.returncode == 78
    assert "SECRET_KEY" in done.stderr
    assert "MASTER_KEY" not in done.stderr  # the signer's alone


def test_there_is_no_database_and_no_app_that_wants_one(tmp_path: Path) -> None:
    code = (
        "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'crypto_project.settings'; django.setup();"
        "from django.apps import apps; from django.conf import settings;"
        "print(settings.DATABASES, [m for m in apps.get_models()], sorted(a.name for a in apps.get_app_configs()))"
    )
    done = start(SOUND, tmp_path, code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("{} [] ")
    assert "django.contrib.auth" not in done.stdout
    assert "sessions" not in done.stdout


def test_cookies_of_pages_under_tls_go_over_tls_alone(tmp_path: Path) -> None:
    code = (
        "import crypto_project.settings as s;"
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.CSRF_COOKIE_HTTPONLY, s.CSRF_COOKIE_SAMESITE, s.DEBUG, s.CSRF_COOKIE_NAME,"
        " s.CSRF_TRUSTED_ORIGINS)"
    )
    secure = start(SOUND | SAFE | {"FRONTEND_URL": "https://coffer.example/"}, tmp_path, code)
    assert secure.stdout.split(maxsplit=6) == ["True", "True", "True", "Lax", "False", "__Host-csrftoken", "['https://coffer.example']\n"], (
        secure.stderr
    )
    plain = start(SOUND | {"FRONTEND_URL": "http://127.0.0.1:8000"}, tmp_path, code)
    assert plain.stdout.split()[:2] + plain.stdout.split()[5:6] == ["False", "False", "csrftoken"]
