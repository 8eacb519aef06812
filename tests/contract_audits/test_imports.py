"""Imports and pragmas as the compiler takes them."""

import pytest

from crypto_api.contract_audits.imports import allows, fitting_version, imports_of, pragmas_of, resolved, with_imports
from crypto_api.kit.errors import InvalidInput

INSTALLED = ["0.8.37", "0.8.19", "0.7.6", "0.6.12"]


class Nothing:
    def read(self, path: str) -> str | None:
        return "contract Lib {}" if path == "@openzeppelin/contracts/Lib.sol" else None


def test_imports_in_every_form_and_none_from_comments_or_texts() -> None:
    source = """
    import "./A.sol"; import './B.sol' ; import * as C from "C.sol";
    import {D as E, F} from
        "../D.sol";
    import G from "G.sol"; // import "no.sol";
    /* import "neither.sol"; */ string constant x = 'import "nor this"'; string constant y = "import";
    """
    assert imports_of(source) == ["./A.sol", "./B.sol", "C.sol", "../D.sol", "G.sol"]


def test_paths_resolve_as_in_the_compiler() -> None:
    assert resolved("./B.sol", "src/A.sol", []) == "src/B.sol"
    assert resolved("../B.sol", "src/deep/A.sol", []) == "src/B.sol"
    assert resolved("@oz/B.sol", "src/A.sol", [("", "@oz/", "lib/oz/"), ("", "@oz/B", "lib/other/B")]) == "lib/other/B.sol"
    assert resolved("@oz/B.sol", "src/A.sol", [("lib/", "@oz/", "x/")]) == "@oz/B.sol", "a remapping of another context"


def test_circles_end_and_what_is_missing_is_named() -> None:
    files = {"A.sol": 'import "./B.sol";', "B.sol": 'import "./A.sol"; import "./B.sol"; import "@openzeppelin/contracts/Lib.sol";'}
    sources, borrowed = with_imports(files, ["A.sol"], [], Nothing(), "file")
    assert set(sources) == {"A.sol", "B.sol", "@openzeppelin/contracts/Lib.sol"} and borrowed == {"@openzeppelin/contracts/Lib.sol"}
    with pytest.raises(InvalidInput) as caught:
        with_imports(files | {"B.sol": 'import "../../etc/passwd";'}, ["A.sol"], [], Nothing(), "file")
    (error,) = caught.value.errors
    assert (error.field, error.code) == ("file", "missing_import") and "../../etc/passwd in B.sol" in error.message


@pytest.mark.parametrize(
    ("pragma", "newest"),
    [
        *(("^0.8.20", "0.8.37"), ("0.8.19", "0.8.19"), ("=0.8.19", "0.8.19"), (">=0.6.0 <0.8.0", "0.7.6"), ("^0.7.0 || ^0.6.0", "0.7.6")),
        *(("~0.8.0", "0.8.37"), ("0.6.0 - 0.7.9", "0.7.6"), (">=0.4.22<0.9.0", "0.8.37"), (">0.7", "0.8.37"), ("<=0.8.19", "0.8.19")),
        *(("^0.8", "0.8.37"), ("0.8.x", "0.8.37"), ("^0.0.1", None), ("0.4.11", None), ("^1.0.0", None), ("=0.8.38", None), ("<=0.6", "0.6.12")),
    ],
)
def test_the_newest_compiler_that_every_file_allows(pragma: str, newest: str | None) -> None:
    test = allows(pragma)
    allowed = [version for version in INSTALLED if test(tuple(int(part) for part in version.split(".")))]  # type: ignore[arg-type]
    assert (allowed[0] if allowed else None) == newest
    sources = {"A.sol": f"pragma solidity {pragma}; contract A {{}}", "B.sol": "// pragma solidity 0.1.0;"}
    if newest is None:
        with pytest.raises(InvalidInput) as caught:
            fitting_version(sources, INSTALLED, "file")
        assert (caught.value.errors[0].field, caught.value.errors[0].code) == ("file", "no_compiler")
    else:
        assert fitting_version(sources, INSTALLED, "file") == newest


def test_files_that_disagree_and_nonsense_are_refused() -> None:
    for sources in ({"A.sol": "pragma solidity ^0.8.0;", "B.sol": "pragma solidity ^0.7.0;"}, {"A.sol": "pragma solidity banana;"}):
        with pytest.raises(InvalidInput):
            fitting_version(sources, INSTALLED, "file")
    assert pragmas_of("pragma  solidity ^0.8.0 ; pragma abicoder v2; /* pragma solidity 1; */") == ["^0.8.0"]
