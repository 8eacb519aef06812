"""What somebody uploads as a contract: one Solidity file, a zip archive of a project, or the compiler's standard JSON input.

Everything is checked before anything is stored: sizes, paths, encoding, depth, imports and the version of the compiler. What is wrong is told by the
name of the field that it came in.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from crypto_api.contract_audits.imports import fitting_version, remapping, with_imports
from crypto_api.contract_audits.types import FILES_MAX, RATIO_MAX, SOURCE_BYTES_MAX, UPLOAD_BYTES_MAX, Libraries, Sources, Uploaded
from crypto_api.kit.archive import ArchiveRefused, Bounds, safe_path, unpack
from crypto_api.kit.errors import InvalidInput

ENTRIES_MAX = 20_000
NESTING_MAX = 64  # of brackets in a source: what is deeper only a machine wrote, and parsers walk by recursion
JSON_DEPTH_MAX = 32
_DEPENDENCIES = ("node_modules/", "lib/")
_ASIDE = (*_DEPENDENCIES, "test/", "tests/", "script/", "scripts/")
_ZIP = b"PK"
_EVM = ("homestead", "tangerineWhistle", "spuriousDragon", "byzantium", "constantinople", "petersburg", "istanbul", "berlin", "london", "paris")
_EVM_VERSIONS = frozenset({*_EVM, "shanghai", "cancun", "prague", "osaka"})


def read_upload(name: str, content: bytes, field: str) -> Uploaded:
    """By what it holds, not by what it is called. InvalidInput of `field`."""
    if not content.strip():
        raise InvalidInput.of(field, "is empty", "empty")
    if content.startswith(_ZIP):
        return _of_archive(content, field)
    if len(content) > SOURCE_BYTES_MAX:
        raise InvalidInput.of(field, f"has more than {SOURCE_BYTES_MAX:,} bytes", "too_long")
    text = _decoded(content, field, "")
    if name.lower().endswith(".json") or text.lstrip().startswith("{"):
        return read_standard_json(_json(text, field), field)
    plain = name.replace("\\", "/").rpartition("/")[2]
    return Uploaded({plain if safe_path(plain) and plain.endswith(".sol") else "Contract.sol": _checked(text, field, "")})


def prepared(uploaded: Uploaded, installed: Sequence[str], libraries: Libraries, field: str) -> Sources:
    """With everything that it imports, and the compiler that fits. InvalidInput of `field`."""
    roots = [path for path in uploaded.files if not path.startswith(_ASIDE)] or list(uploaded.files)
    sources, borrowed = with_imports(uploaded.files, roots, uploaded.remappings, libraries, field)
    version = fitting_version(sources, installed, field)
    settings = dict(uploaded.settings or {}) | ({"remappings": list(uploaded.remappings)} if uploaded.remappings else {})
    dependencies = borrowed | {path for path in sources if path.startswith(_DEPENDENCIES)}
    standard_json = {"sources": {path: {"content": text} for path, text in sorted(sources.items())}, "settings": settings}
    return Sources(standard_json, version, frozenset(dependencies))


# ---- archives --------------------------------------------------------------------------------------------------------------------


def _of_archive(content: bytes, field: str) -> Uploaded:
    if len(content) > UPLOAD_BYTES_MAX:
        raise InvalidInput.of(field, f"has more than {UPLOAD_BYTES_MAX:,} bytes", "too_long")
    try:
        packed = unpack(content, _wanted, Bounds(ENTRIES_MAX, FILES_MAX, SOURCE_BYTES_MAX, RATIO_MAX))
    except ArchiveRefused as refused:
        raise InvalidInput.of(field, refused.message, refused.code) from None
    texts = _below_common_folder({path: _decoded(data, field, path) for path, data in packed.items()})
    remapped = tuple(line.strip() for line in texts.pop("remappings.txt", "").splitlines() if line.strip() and not line.startswith("#"))
    files = {path: _checked(text, field, path) for path, text in texts.items()}
    if not files:
        raise InvalidInput.of(field, "holds no Solidity source (*.sol)", "no_source")
    return Uploaded(files, _remappings(remapped, field))


def _wanted(path: str) -> bool:
    hidden = any(part.startswith(".") for part in path.split("/")) or path.startswith("__MACOSX/")
    return not hidden and (path.endswith(".sol") or path.rpartition("/")[2] == "remappings.txt")


def _below_common_folder(files: Mapping[str, str]) -> dict[str, str]:
    """Without the one folder that an archive of a repository puts everything in. What lies deeper as `remappings.txt` belongs to a dependency."""
    first = {path.partition("/")[0] for path in files}
    inside = len(first) == 1 and all("/" in path for path in files) and not first & {"src", "contracts", "lib", "node_modules"}
    cut = len(first.pop()) + 1 if inside else 0
    short = {path[cut:]: text for path, text in files.items()}
    return {path: text for path, text in short.items() if path.endswith(".sol") or path == "remappings.txt"}


# ---- standard JSON ---------------------------------------------------------------------------------------------------------------


def read_standard_json(given: Any, field: str) -> Uploaded:
    """The compiler's "standard JSON input", sources given in it. Settings that change nothing about an analysis are left out."""
    if not isinstance(given, dict) or not isinstance(given.get("sources"), dict) or not given["sources"]:
        raise InvalidInput.of(field, "is no standard JSON input of the Solidity compiler: it has no sources", "invalid_json")
    if given.get("language", "Solidity") != "Solidity":
        raise InvalidInput.of(field, "is not in Solidity", "not_solidity")
    if len(given["sources"]) > FILES_MAX:
        raise InvalidInput.of(field, f"has more than {FILES_MAX} files", "too_many_files")
    files = {}
    for path, source in given["sources"].items():
        if not safe_path(path):
            raise InvalidInput.of(field, "has a source whose name is not a plain relative path", "unsafe_path")
        if not isinstance(source, dict) or not isinstance(source.get("content"), str):
            raise InvalidInput.of(field, f"does not hold the text of {path}: addresses of sources are not followed", "no_source")
        files[path] = _checked(source["content"], field, path)
    settings = given.get("settings", {})
    if not isinstance(settings, dict):
        raise InvalidInput.of(field, "has settings that are no object", "invalid_json")
    lines = settings.get("remappings", [])
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise InvalidInput.of(field, "has remappings that are no list of texts", "invalid_json")
    return Uploaded(files, _remappings(tuple(lines), field), _settings(settings, field))


def _settings(given: Mapping[str, Any], field: str) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    evm, via_ir, optimizer = given.get("evmVersion"), given.get("viaIR"), given.get("optimizer")
    if evm is not None:
        if evm not in _EVM_VERSIONS:
            raise InvalidInput.of(field, "names an EVM version that there is not", "invalid_json")
        kept["evmVersion"] = evm
    if via_ir is not None:
        kept["viaIR"] = via_ir is True
    if isinstance(optimizer, dict):
        runs = optimizer.get("runs", 200)
        if not isinstance(runs, int) or not 0 <= runs < 2**32:
            raise InvalidInput.of(field, "has runs of the optimizer that are no whole number", "invalid_json")
        kept["optimizer"] = {"enabled": optimizer.get("enabled") is True, "runs": runs}
    return kept


def _remappings(lines: tuple[str, ...], field: str) -> tuple[str, ...]:
    if len(lines) > FILES_MAX:
        raise InvalidInput.of(field, f"has more than {FILES_MAX} remappings", "too_long")
    for line in lines:
        try:
            remapping(line)
        except ValueError as error:
            raise InvalidInput.of(field, f"holds a line that {error}", "invalid_remapping") from None
    return lines


def _json(text: str, field: str) -> Any:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput.of(field, "is no JSON that can be read", "invalid_json") from None
    level = [given]
    for _ in range(JSON_DEPTH_MAX):
        level = [child for node in level if isinstance(node, dict | list) for child in (node.values() if isinstance(node, dict) else node)]
    if level:
        raise InvalidInput.of(field, f"is nested deeper than {JSON_DEPTH_MAX} levels", "too_deep")
    return given


# ---- texts -----------------------------------------------------------------------------------------------------------------------


def _decoded(content: bytes, field: str, path: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput.of(field, f"is not in UTF-8{_at(path)}, from byte {error.start} on", "not_utf8") from None


def _checked(text: str, field: str, path: str) -> str:
    if len(text.encode(errors="replace")) > SOURCE_BYTES_MAX:
        raise InvalidInput.of(field, f"has more than {SOURCE_BYTES_MAX:,} bytes{_at(path)}", "too_long")
    if "\x00" in text:
        raise InvalidInput.of(field, f"is no text{_at(path)}", "not_text")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise InvalidInput.of(field, f"is not in UTF-8{_at(path)}", "not_utf8")
    depth = deepest = 0
    for char in text:
        if char in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in ")]}":
            depth = max(depth - 1, 0)
    if deepest > NESTING_MAX:
        raise InvalidInput.of(field, f"has brackets within brackets deeper than {NESTING_MAX}{_at(path)}", "too_deep")
    return text


def _at(path: str) -> str:
    return f" in {path}" if path else ""
