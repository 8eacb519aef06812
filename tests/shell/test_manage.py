"""`manage.py` on a bare Python and in an environment, and the lock files it installs from."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON_LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-bootstrap.lock")


@pytest.fixture
def manage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module itself, on a checkout of its own."""
    spec = importlib.util.spec_from_file_location("manage_under_test", ROOT / "manage.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in PYTHON_LOCKS:
        shutil.copy(ROOT / name, tmp_path / name)
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    for name, value in {"ROOT": tmp_path, "VENV": venv, "PYTHON": venv / "bin" / "python", "STAMP": venv / ".installed.json"}.items():
        monkeypatch.setattr(module, name, value)
    return module


@pytest.mark.parametrize("lock", [*PYTHON_LOCKS, "package-lock.json"])
def test_locks_hold_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.search(r"(?<!\")(--(extra-)?index-url|--find-links|file:|\"resolved\")", text)
    if lock != "package-lock.json":  # whose `funding` pages are addresses of nobody's registry
        assert "://" not in text


@pytest.mark.parametrize("lock", PYTHON_LOCKS)
def test_everything_locked_has_a_hash(lock: str) -> None:
    requirements = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())
    assert requirements
    assert [one.splitlines()[0] for one in requirements if "--hash=sha256:" not in one] == []


def test_every_npm_part_has_an_integrity() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert [name for name, part in packages.items() if name and not part.get("integrity")] == []


def test_development_lock_holds_all_of_the_runtime_lock() -> None:
    """By which installing the first also counts as having installed the second."""
    pins = re.compile(r"^[a-z0-9][^ ]*==[^ ]+", re.MULTILINE)
    runtime, dev = (set(pins.findall((ROOT / name).read_text())) for name in PYTHON_LOCKS[:2])
    assert runtime
    assert runtime <= dev


def test_does_nothing_where_the_packages_are(manage: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manage, "install", lambda **_: pytest.fail("installed"))
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("started itself again"))
    started = time.process_time()
    manage.ensure_environment(["manage.py", "demo"])
    manage.ensure_environment(["manage.py", "test"])
    assert time.process_time() - started < 0.1


def test_installs_once_and_goes_on_inside(manage: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    installed, executed = [], []
    monkeypatch.setattr(manage, "has_packages", lambda dev: False)
    monkeypatch.setattr(manage, "install_packages", lambda base, lock: installed.append(lock))
    monkeypatch.setattr(os, "execv", lambda path, arguments: executed.append(arguments))
    for command in ("demo", "demo", "test", "demo"):
        manage.ensure_environment(["manage.py", command, "--flag"])
    assert installed == ["requirements.lock", "requirements-dev.lock"]
    assert executed[0] == [str(manage.PYTHON), "manage.py", "demo", "--flag"]
    assert len(executed) == 4


def test_installs_again_when_the_lock_changed(manage: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manage, "install_packages", lambda base, lock: None)
    manage.install(dev=False, base=sys.executable)
    assert manage.is_installed(dev=False)
    assert not manage.is_installed(dev=True)
    with (manage.ROOT / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    assert not manage.is_installed(dev=False)


def test_a_failed_installation_leaves_no_stamp(manage: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(manage, "pip_command", lambda base: None)
    with pytest.raises(manage.SetupFailed, match="could not be installed"):
        manage.install(dev=False, base=sys.executable)
    assert not manage.STAMP.exists()


@pytest.mark.parametrize("stamp", ["", "{", "[]", "null", '{"requirements.lock": 1}'])
def test_a_broken_stamp_means_not_installed(manage: ModuleType, stamp: str) -> None:
    manage.STAMP.write_text(stamp)
    assert not manage.is_installed(dev=False)


def test_tells_an_old_python_in_one_line(tmp_path: Path) -> None:
    script = tmp_path / "old.py"
    lines = (ROOT / "manage.py").read_text()
    script.write_text(lines.replace("import sys\n", "import sys\nsys.version_info = (3, 9)\n", 1))
    done = subprocess.run([sys.executable, script, "demo"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "needs Python 3.11" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
