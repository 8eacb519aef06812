"""What an installation is started with agrees with the code: commands, processes, settings, and who may know what."""

import json
import re
from typing import Any

import yaml  # type: ignore[import-untyped]

from crypto_api.adapters.metrics_listener import LIVE
from crypto_api.config import Config
from crypto_project.processes import api_process
from signer.settings import DeskSettings, VaultSettings
from tests.architecture.reading import ROOT
from workers import NAMES

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


def test_every_process_is_there_and_each_knows_what_it_needs() -> None:
    services = compose()["services"]
    commands = [service.get("command") for service in services.values()]
    assert all(["python", "manage.py", "worker", name] in commands for name in NAMES) and ["python", "manage.py", "signer"] in commands
    known = {name.upper() for model in (Config, DeskSettings, VaultSettings) for name in model.model_fields}
    ours = {name: service for name, service in services.items() if str(service.get("image", "")).startswith("coffer:")}
    assert ours.keys() == {"api", "chains", "events", "jobs", "signer", "deploy"}
    for name, service in ours.items():
        assert service["environment"].keys() <= known, name
        assert bool(KEYS & service["environment"].keys()) is (name == "signer"), name
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
    assert all(f":9464{LIVE}'" in str(services[name]["healthcheck"]["test"]) for name in NAMES)
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
        environment = services[name]["environment"]
        assert environment["REDIS_URL"].startswith("redis://:${VALKEY_PASSWORD:?}@") and "${APP_PASSWORD:?}@" in environment["MONGODB_URI"], name
        assert "tls=true&tlsCAFile=/run/secrets/internal_ca" in environment["MONGODB_URI"] and "internal_ca" in services[name]["secrets"], name
    for name in ("mongo1", "mongo2", "mongo3"):
        assert {"--keyFile", "--tlsMode requireTLS"} <= set(re.findall(r"--keyFile|--tlsMode \w+", str(services[name]["entrypoint"]))), name
        assert f"DNS:{name}" in (ROOT / "deploy" / "make-certs.sh").read_text()
    example = (ROOT / "deploy" / "compose.env.example").read_text()
    asked = set(re.findall(r"\$\{([A-Z_]+):\?\}", (ROOT / "docker-compose.yml").read_text()))
    assert {name for name in asked if not re.search(rf"^{name}=", example, re.MULTILINE)} == set()


def test_prometheus_asks_every_process() -> None:
    asked = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())["scrape_configs"][0]["static_configs"]
    port = compose()["services"]["api"]["environment"]["METRICS_LISTEN"].rpartition(":")[2]
    assert {target for row in asked for target in row["targets"]} == {f"{name}:{port}" for name in ("api", *NAMES)}
