"""What an installation is started with agrees with the code: commands, processes, settings, and who may know what."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvicorn
import yaml  # type: ignore[import-untyped]
from pymongo.uri_parser import parse_uri

from crypto_api.adapters.metrics_listener import LIVE
from crypto_api.config import Config
from crypto_project.processes import api_process
from signer.settings import DeskSettings, VaultSettings
from tests.architecture.reading import ROOT
from workers import NAMES

OF_OTHERS = {f"OTEL_EXPORTER_OTLP_{what}" for what in ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")} | {
    f"UVICORN_SSL_{what}" for what in ("CERTFILE", "KEYFILE", "CA_CERTS", "CERT_REQS", "CIPHERS")
}
"""Settings that the SDK of OpenTelemetry and uvicorn read themselves."""
KEYS = {"MASTER_KEY", "MASTER_KEYS_PREVIOUS"}


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


def test_the_image_starts_the_api_as_serve_does() -> None:
    text = (ROOT / "Dockerfile").read_text()
    last = text[text.rindex("CMD [") :].replace("\\\n", "")
    started = json.loads(last.removeprefix("CMD "))
    assert started == ["uvicorn", *api_process("0.0.0.0", 8000).command[3:]]  # noqa: S104  inside its container
    copied = set(re.findall(r"^COPY (\w+) ", text, re.MULTILINE))
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert packages <= copied, "what is imported is in the image"
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(" ".join(re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)).split()) <= allowed


COMMANDS = Path("crypto_project/management/commands")


def test_what_is_for_tests_and_for_trying_out_is_not_in_the_image(tmp_path: Path) -> None:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    (removed,) = re.findall(r"rm -r (crypto_project/demo [^&(]+?) &&", text)
    (commands,) = re.findall(r"\(cd crypto_project/management/commands && *rm ([a-z_. ]+)\)", text)
    gone = [*map(Path, removed.split()), *(COMMANDS / name for name in commands.split())]
    assert [path for path in gone if not (ROOT / path).exists()] == [], "each is there to be removed"
    for_operators = {path.stem for path in (ROOT / COMMANDS).glob("*.py")} - {path.stem for path in gone}
    assert for_operators == FOR_OPERATORS, "and whether a new command is for operators is decided"
    modules = {".".join(path.with_suffix("").parts) for path in gone}
    kept = [path for top in ("crypto_project", "crypto_api", "workers", "signer", "mongodb_config") for path in (ROOT / top).rglob("*.py")]
    kept = [path for path in kept if not any(path.relative_to(ROOT).is_relative_to(each) for each in gone)]
    wanted = {(path.name, name) for path in kept for name in loaded_by(path) if any(f"{name}.".startswith(f"{each}.") for each in modules)}
    assert wanted == set(), "nothing that stays loads what is gone"

    (edit,) = re.findall(r"sed -i '([^']+)' crypto_api/kit/faultpoint.py", text)
    module = tmp_path / "faultpoint.py"
    module.write_text((ROOT / "crypto_api" / "kit" / "faultpoint.py").read_text())
    subprocess.run(["sed", "-i", edit, module], check=True)
    (tmp_path / "step").write_text("1")
    env = {**os.environ, "COFFER_FAULTPOINTS": str(tmp_path)}
    program = "import faultpoint; faultpoint.faultpoint('step'); print('lives')"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "lives\n"), "nobody is killed at a named step"


FOR_OPERATORS = {
    "__init__", "backup", "batch_contract", "check", "create_admin", "install_slither", "install_solc", "migrate_database", "prepare_pages",
    "pull_model", "reindex", "reset_second_factor", "restore", "resume_following", "rotate_keys", "rotate_master_key", "serve", "signer",
    "verify_audit", "verify_ledger", "worker",
}  # fmt: skip


def loaded_by(path: Path) -> set[str]:
    """What a module imports when it is loaded itself: not in its functions, and not for types alone."""
    found = set[str]()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found


def test_every_process_is_there_and_each_knows_what_it_needs() -> None:
    services = compose()["services"]
    commands = [service.get("command") for service in services.values()]
    assert all(["python", "manage.py", "worker", name] in commands for name in NAMES) and ["python", "manage.py", "signer"] in commands
    known = {name.upper() for model in (Config, DeskSettings, VaultSettings) for name in model.model_fields} | OF_OTHERS
    ours = {name: service for name, service in services.items() if str(service.get("image", "")).startswith("coffer:")}
    assert ours.keys() == {"api", "chains", "events", "jobs", "signer", "deploy"}
    for name, service in ours.items():
        assert service["environment"].keys() <= known, name
        assert bool(KEYS & service["environment"].keys()) is (name == "signer"), name
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
    assert all(f":9464{LIVE}" in str(services[name]["healthcheck"]["test"]) for name in NAMES)
    assert services["signer"]["user"] != services["api"].get("user") and services["signer"]["networks"] == ["inside"]
    assert compose()["networks"]["inside"]["internal"] is True


def test_nothing_but_the_proxy_is_reached_from_outside() -> None:
    published = {name: service["ports"] for name, service in compose()["services"].items() if "ports" in service}
    assert published.pop("proxy") == ["80:80", "443:443"]
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert all("command" not in service or "admin" not in str(service["command"]) for service in compose()["services"].values())


def test_every_image_has_a_version_and_every_server_asks_who_one_is() -> None:
    services = compose()["services"]
    images = {name: service["image"] for name, service in services.items() if not service["image"].startswith("coffer:")}
    assert [name for name, image in images.items() if not re.fullmatch(r"[^:@]+:v?\d+\.\d+\.\d+", image)] == []
    assert re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE) == ["python:3.12.11-slim-bookworm"] * 2
    assert "requirepass $$VALKEY_PASSWORD" in str(services["valkey"]["command"])
    for name in ("api", "chains", "events", "jobs"):
        assert services[name]["environment"]["REDIS_URL"].startswith("rediss://:${VALKEY_PASSWORD:?}@"), name
    for name in ("mongo1", "mongo2", "mongo3"):
        assert {"--keyFile", "--tlsMode requireTLS"} <= set(re.findall(r"--keyFile|--tlsMode \w+", str(services[name]["entrypoint"]))), name
    example = (ROOT / "deploy" / "compose.env.example").read_text()
    asked = set(re.findall(r"\$\{([A-Z_]+):\?\}", (ROOT / "docker-compose.yml").read_text()))
    assert {name for name in asked if not re.search(rf"^{name}=", example, re.MULTILINE)} == set()


SHOWN = {"api": "coffer", "chains": "coffer", "events": "coffer", "jobs": "coffer", "signer": "signer", "deploy": "deploy"}
SUBJECT = "CN={},OU=processes,O=Coffer"


def test_inside_everybody_speaks_tls_and_shows_a_certificate_of_their_own(tmp_path: Path) -> None:
    services = compose()["services"]
    made = set(re.findall(r"^certificate (\w+) ", (ROOT / "deploy" / "make-certs.sh").read_text(), re.MULTILINE))
    files = {name.removesuffix(".pem") for name in compose()["secrets"] if name.endswith(".pem")}
    assert files == made, "each that is asked for is made"
    for name, shown in SHOWN.items():
        environment = services[name]["environment"]
        assert {"internal_ca", f"{shown}.pem"} <= set(services[name]["secrets"]) and len(services[name]["secrets"]) == 2, (
            f"{name} has its own key alone"
        )
        for secret in services[name]["secrets"]:
            (tmp_path / secret).touch()
        said = parse_uri(environment["MONGODB_URI"].replace("/run/secrets", str(tmp_path)), validate=True)
        options = {key.lower(): value for key, value in said["options"].items()}
        assert (options["authmechanism"], options["authsource"], said["password"]) == ("MONGODB-X509", "$external", None), name
        files_named = (options["tlscafile"], options["tlscertificatekeyfile"])
        assert options["tls"] is True and files_named == (str(tmp_path / "internal_ca"), str(tmp_path / f"{shown}.pem")), name
        config = Config(_env_file=None, secret_key="0" * 32, **given(environment))  # type: ignore[call-arg,arg-type]
        assert config.unsafe() == [], name
    subjects = {"APP_SUBJECT": "coffer", "SIGNER_SUBJECT": "signer", "DEPLOY_SUBJECT": "deploy"}
    assert services["roles"]["environment"] == {role: SUBJECT.format(shown) for role, shown in subjects.items()}
    assert {"ssl_certfile", "ssl_keyfile", "ssl_ca_certs"} == set(re.findall(r"ssl_\w+", services["api"]["environment"]["REDIS_URL"]))
    valkey = services["valkey"]["command"][-1]
    assert all(line in valkey for line in ("port 0\n", "tls-port 6379\n", "tls-auth-clients yes\n", "tls-ca-cert-file /run/secrets/internal_ca\n"))
    assert all("--tlsAllowConnectionsWithoutCertificates" not in str(services[f"mongo{number}"]) for number in (1, 2, 3))


def given(environment: Mapping[str, str]) -> dict[str, str]:
    """As a container has it with what `deploy/compose.env.example` leaves empty."""
    filled = {name: re.sub(r"\$\{[A-Z_]+(:-([^}]*)|:\?)\}", lambda found: found[2] or "", str(value)) for name, value in environment.items()}
    return {name.lower(): value for name, value in filled.items() if name.lower() in Config.model_fields and name != "SECRET_KEY"} | {
        "frontend_url": "https://coffer.example",
        "networks": None,  # type: ignore[dict-item]
    }


def test_http_inside_is_over_tls_to_those_who_show_a_certificate() -> None:
    """The API, the figures, the keeper of the logs, the model, Prometheus: what speaks HTTP between containers."""
    services = compose()["services"]
    api = services["api"]["environment"]
    assert (api["UVICORN_SSL_CERT_REQS"], api["UVICORN_SSL_CA_CERTS"]) == ("2", "/run/secrets/internal_ca")
    assert {name.lower() for name in api if name.startswith("UVICORN_")} <= {f"uvicorn_{option.name}" for option in uvicorn.main.params}
    assert (
        api["METRICS_CERTIFICATE"] == api["UVICORN_SSL_CERTFILE"] == api["UVICORN_SSL_KEYFILE"]
        and api["METRICS_CLIENT_CA"] == api["UVICORN_SSL_CA_CERTS"]
    )
    prometheus = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    assert [(job["scheme"], job["tls_config"]["ca_file"]) for job in prometheus] == [("https", "/run/secrets/internal_ca")]
    web = yaml.safe_load((ROOT / "deploy" / "prometheus" / "web.yml").read_text())["tls_server_config"]
    assert (web["client_auth_type"], web["client_ca_file"]) == ("RequireAndVerifyClientCert", "/run/secrets/internal_ca")
    for name in ("internal_ca", "prometheus.pem"):
        assert name in services["prometheus"]["secrets"]
    (source,) = yaml.safe_load((ROOT / "deploy" / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert source["url"].startswith("https://") and source["jsonData"]["tlsAuthWithCACert"] is True
    assert services["ollama"]["environment"]["OLLAMA_HOST"].startswith("127.0.0.1:") and services["model-tls"]["network_mode"] == "service:ollama"
    http = [line for line in (ROOT / "docker-compose.yml").read_text().splitlines() if "http://" in line]
    assert http == [], "nothing is asked in the clear"


ASKING = {"mail.py", "news_feeds.py", "ollama.py", "outside_http.py", "price_sources.py", "providers.py", "webhook_receivers.py"}
"""Adapters that reach out: each to what a setting of the operator lists (EMAIL_HOST, NEWS_FEEDS, LLM_BASE_URL, PRICES, NETWORKS, WEBHOOK_HOSTS)."""


def test_whom_it_may_reach_is_a_list_that_begins_empty() -> None:
    reaches = re.compile(
        r"outside_http import|ClientSession\(|AsyncClient\(|aiosmtplib\.|urlopen\(|open_connection\(|requests\.(get|post)|WebSocketApp"
    )
    product = [path for top in ("crypto_api", "workers", "signer", "mongodb_config") for path in (ROOT / top).rglob("*.py")]
    asking = {path for path in product if reaches.search(path.read_text())}
    assert {path.name for path in asking} == ASKING and {path.parent.name for path in asking} == {"adapters"}
    environment = compose()["services"]["api"]["environment"]
    config = Config(_env_file=None, secret_key="0" * 32, **given(environment))  # type: ignore[call-arg,arg-type]
    assert (config.webhook_hosts, config.webhook_private_hosts, config.news_feeds, config.prices, config.llm_base_url) == ([], [], [], None, "")


def test_everybody_shows_a_second_factor_whose_code_counts_for_thirty_seconds() -> None:
    environment = compose()["services"]["api"]["environment"]
    config = Config(_env_file=None, secret_key="0" * 32, **given(environment))  # type: ignore[call-arg,arg-type]
    assert (config.second_factor_required, config.code_steps_around) == (True, 0)


def test_the_log_is_kept_where_those_who_write_it_do_not_reach() -> None:
    services = compose()["services"]
    taken = yaml.safe_load((ROOT / "deploy" / "logs.yaml").read_text())
    http, keeper = taken["receivers"]["otlp"]["protocols"]["http"], services["logs"]
    assert taken["receivers"].keys() == {"otlp"} and taken["receivers"]["otlp"]["protocols"].keys() == {"http"}
    assert http["tls"]["client_ca_file"] == "/run/secrets/internal_ca" and taken["service"]["pipelines"].keys() == {"logs"}
    assert taken["exporters"]["file"]["path"].startswith("/var/log/coffer/") and taken["exporters"]["file"]["rotation"]["max_days"] > 365
    (place,) = [volume.partition(":")[0] for volume in keeper["volumes"] if volume.endswith(":/var/log/coffer")]
    reached = {name for name, service in services.items() if any(str(volume).startswith(f"{place}:") for volume in service.get("volumes", []))}
    assert reached == {"logs", "logs-folder"} and services["logs-folder"]["network_mode"] == "none"
    for name in ("api", "chains", "events", "jobs", "signer"):
        environment = services[name]["environment"]
        assert environment["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"].endswith(":-https://logs:4318/v1/logs}"), name
        assert environment["OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"] == f"/run/secrets/{SHOWN[name]}.pem", name


def test_prometheus_asks_every_process() -> None:
    asked = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())["scrape_configs"][0]["static_configs"]
    port = compose()["services"]["api"]["environment"]["METRICS_LISTEN"].rpartition(":")[2]
    assert {target for row in asked for target in row["targets"]} == {f"{name}:{port}" for name in ("api", *NAMES)}
