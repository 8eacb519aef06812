"""What a source imports, and which compiler fits: decided here from the text, so that nothing of a disk is ever read on a source's word.

Solidity, "Layout of a Solidity Source File" (pragmas, imports) and "Import Path Resolution" (direct imports, relative imports, remappings).
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from crypto_api.contract_audits.types import FILES_MAX, SOURCE_BYTES_MAX, Libraries
from crypto_api.kit.archive import safe_path
from crypto_api.kit.errors import InvalidInput

Version = tuple[int, int, int]
Test = Callable[[Version], bool]

_SKIPPED = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
_IMPORT = re.compile(r"\bimport\b\s*(?:(?:\{[^{};]*\}|\*\s*as\s+[A-Za-z_$][\w$]*|[A-Za-z_$][\w$]*)\s*from\s*)?(\d+)\x00", re.ASCII)
_PRAGMA = re.compile(r"\bpragma\s+solidity\s+([^;]{1,200});", re.ASCII)
_COMPARISON = re.compile(r"(\^|~|>=|<=|>|<|=|)\s*v?(\d{1,3})(?:\.(\d{1,3}|[xX*]))?(?:\.(\d{1,3}|[xX*]))?", re.ASCII)
_HYPHEN = re.compile(r"(\S+)\s+-\s+(\S+)", re.ASCII)
_REMAPPING = re.compile(r"(?:([^:=\s]{0,200}):)?([^:=\s]{1,200})=([^:=\s]{0,200})")


# ---- imports ---------------------------------------------------------------------------------------------------------------------


def imports_of(source: str) -> list[str]:
    """The paths as they stand there, in their order; what stands in comments or other texts is none."""
    texts: list[str] = []

    def skipped(found: re.Match[str]) -> str:
        if found[0][0] == "/":
            return " "
        texts.append(found[0][1:-1])
        return f"{len(texts) - 1}\x00"

    plain = _SKIPPED.sub(skipped, source.replace("\x00", " "))
    return [texts[int(found[1])] for found in _IMPORT.finditer(plain) if int(found[1]) < len(texts)]


def remapping(line: str) -> tuple[str, str, str]:
    """(context, prefix, target). ValueError."""
    found = _REMAPPING.fullmatch(line.strip())
    if found is None:
        raise ValueError("is no remapping such as @openzeppelin/=lib/openzeppelin-contracts/")
    return found[1] or "", found[2], found[3]


def resolved(path: str, importer: str, remappings: Sequence[tuple[str, str, str]]) -> str:
    """The name of the source that `path` means in the file `importer`, as the compiler takes it."""
    if path.startswith(("./", "../")):
        path = posixpath.normpath(posixpath.join(posixpath.dirname(importer), path))
    fitting = [row for row in remappings if path.startswith(row[1]) and importer.startswith(row[0])]
    if not fitting:
        return path
    _, prefix, target = max(fitting, key=lambda row: (len(row[0]), len(row[1])))
    return target + path[len(prefix) :]


def with_imports(
    files: Mapping[str, str], roots: Iterable[str], remapped: Sequence[str], libraries: Libraries, field: str
) -> tuple[dict[str, str], frozenset[str]]:
    """(all sources that `roots` need, with themselves; which of them came from `libraries`). InvalidInput of `field` names what is missing."""
    remappings = [remapping(line) for line in remapped]
    sources: dict[str, str] = {}
    borrowed, waiting, size = set[str](), [(root, root) for root in roots], 0
    while waiting:
        path, importer = waiting.pop()
        if path in sources:
            continue  # also what imports itself, in whatever circle
        content = files.get(path)
        if content is None and safe_path(path):
            content = libraries.read(path)
            borrowed.add(path)
        if content is None:
            raise InvalidInput.of(field, f"imports {_told(path)} in {_told(importer)}, which is not among the files", "missing_import")
        sources[path] = content
        size += len(content.encode(errors="replace"))
        if len(sources) > FILES_MAX or size > SOURCE_BYTES_MAX:
            most = f"{FILES_MAX} files or {SOURCE_BYTES_MAX:,} bytes"
            raise InvalidInput.of(field, f"has more than {most} with everything that it imports", "too_long")
        waiting += [(resolved(name, path, remappings), path) for name in imports_of(content)]
    return sources, frozenset(borrowed)


def _told(path: str) -> str:
    return "".join(char if " " <= char <= "~" else "?" for char in path[:120]) or "nothing"


# ---- which compiler --------------------------------------------------------------------------------------------------------------


def fitting_version(sources: Mapping[str, str], installed: Sequence[str], field: str) -> str:
    """The newest of the `installed` that every file allows. InvalidInput of `field` tells the file that allows none, or which disagree."""
    left = sorted(installed, key=_triple, reverse=True)
    for path in sorted(sources):
        for expression in pragmas_of(sources[path]):
            try:
                test = allows(expression)
            except ValueError:
                raise InvalidInput.of(field, f"has a version pragma in {_told(path)} that is none: {_told(expression)}", "invalid_pragma") from None
            left = [version for version in left if test(_triple(version))]
            if not left:
                raise InvalidInput.of(field, _none_fits(expression, path, installed), "no_compiler")
    if not left:
        raise InvalidInput.of(field, "cannot be compiled: no compiler is installed", "no_compiler")
    return left[0]


def _none_fits(expression: str, path: str, installed: Sequence[str]) -> str:
    return (
        f"asks for a compiler {_told(expression)} in {_told(path)}, which none of the installed ones is ({', '.join(installed) or 'none'})."
        " Whoever runs this installation adds others: python3 manage.py install_solc VERSION"
    )


def pragmas_of(source: str) -> list[str]:
    plain = _SKIPPED.sub(lambda found: " " if found[0][0] == "/" else '""', source)
    return [" ".join(found.split()) for found in _PRAGMA.findall(plain)]


def allows(expression: str) -> Test:
    """A version pragma (npm's ranges: `^0.8.20`, `>=0.7.0 <0.9.0`, `0.8.1 - 0.8.4`, `||`) as a test. ValueError."""
    alternatives = [_all_of(part) for part in expression.replace('"', "").replace("'", "").split("||")]
    return lambda version: any(test(version) for test in alternatives)


def _all_of(part: str) -> Test:
    if hyphen := _HYPHEN.fullmatch(part.strip()):
        tests = [_comparison(f">={hyphen[1]}"), _comparison(f"<={hyphen[2]}")]
    else:
        rest, tests = part.strip(), []
        while rest:
            found = _COMPARISON.match(rest)
            if found is None:
                raise ValueError(expression_problem(part))
            tests.append(_comparison(found[0]))
            rest = rest[found.end() :].lstrip()
    if not tests:
        raise ValueError(expression_problem(part))
    return lambda version: all(test(version) for test in tests)


def expression_problem(part: str) -> str:
    return f"{part!r} is no range of versions"


def _comparison(text: str) -> Test:
    found = _COMPARISON.fullmatch(text.strip())
    if found is None:
        raise ValueError(expression_problem(text))
    operator = found[1]
    given = [int(part) for part in found.groups()[1:] if part is not None and part.isdigit()]
    low: Version = tuple([*given, 0, 0][:3])  # type: ignore[assignment]
    after = _after(given)  # the first that is not meant any more
    match operator:
        case ">=":
            return lambda version: version >= low
        case ">":
            return lambda version: version >= after
        case "<":
            return lambda version: version < low
        case "<=":
            return lambda version: version < after
        case "^":
            end = _caret_end(given)
            return lambda version: low <= version < end
        case "~":
            end = _after(given[:2])
            return lambda version: low <= version < end
        case _:
            return lambda version: low <= version < after


def _after(given: Sequence[int]) -> Version:
    raised = [*given[:-1], given[-1] + 1]
    return tuple([*raised, 0, 0][:3])  # type: ignore[return-value]


def _caret_end(given: Sequence[int]) -> Version:
    """The first number that is not zero may not change."""
    at = next((index for index, number in enumerate(given) if number), len(given) - 1)
    return _after(given[: at + 1])


def _triple(version: str) -> Version:
    major, minor, patch = (int(part) for part in version.split("."))
    return major, minor, patch
