"""Makes what pages load: a few front-end files from `node_modules`, the icon sprite cut down to the icons named, and all styles as one file.

What a page waits for before it shows anything is one style sheet in place of twenty. And each file that is text stands beside itself compressed by
brotli and by gzip, as well as those do it, once: what is served is chosen by what the browser takes.

Runs at every start; does nothing while neither the npm lock nor the set of named icons nor our own styles and scripts have changed.
"""

import gzip
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import brotli

from crypto_project.npm import NODE_MODULES, ROOT

DASHBOARD = ROOT / "crypto_api" / "dashboard"
VENDOR = DASHBOARD / "static" / "vendor"
FILES = (
    "@tabler/core/dist/css/tabler.min.css",
    "@tabler/core/dist/js/tabler.min.js",
    "@tabler/core/dist/js/tabler-theme.min.js",
    "htmx.org/dist/htmx.min.js",
    "echarts/dist/echarts.common.min.js",
)
STYLES = "pages.css"
OWN_STYLES = (
    *("coffer", "people", "person", "contracts", "networks", "payments", "inbox", "understanding", "receivables", "payroll", "treasury", "books"),
    *("statements", "tax", "portfolio", "overview", "palette", "consoles"),
)
"""In the order in which they go over one another."""
COMPRESSED = (".css", ".js", ".svg")
SPRITE = "@tabler/icons-sprite/dist/tabler-sprite.svg"
FONT = "@fontsource-variable/inter"
ICON_USE = re.compile(r"#tabler-([a-z0-9]+(?:-[a-z0-9]+)*)")
SYMBOL = re.compile(r'<symbol id="tabler-([^"]+)".*?</symbol>', re.DOTALL)
SOURCE_MAP = re.compile(rb"(/[/*])# sourceMappingURL=[^\s*]+(\s*\*/)?")  # hashed static names fail on a map that is not there


class UnknownIcon(RuntimeError):
    """A template names an icon that the sprite does not have."""


def ensure_vendor_assets() -> None:
    icons = named_icons()
    stamp, wanted = VENDOR / ".made-from", _inputs_hash(icons)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        source = NODE_MODULES / name
        (VENDOR / source.name).write_bytes(SOURCE_MAP.sub(b"", source.read_bytes()))
    _copy_font()
    (VENDOR / "icons.svg").write_text(subset_sprite((NODE_MODULES / SPRITE).read_text(), icons))
    (VENDOR / STYLES).write_text(_styles())
    for path in VENDOR.iterdir():
        if path.suffix in COMPRESSED:
            _compress(path)
    stamp.write_text(wanted)


def _styles() -> str:
    """The font and the toolkit, then ours. Only the first may say which characters a file is written in: it goes, since the server says so."""
    ours = [(DASHBOARD / "static" / "dashboard" / f"{name}.css").read_text() for name in OWN_STYLES]
    parts = [(VENDOR / "inter.css").read_text(), (VENDOR / "tabler.min.css").read_text(), *ours]
    return "\n".join(part.removeprefix('@charset "UTF-8";') for part in parts)


def _compress(path: Path) -> None:
    content = path.read_bytes()
    path.with_name(path.name + ".br").write_bytes(brotli.compress(content, mode=brotli.MODE_TEXT))
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(content, mtime=0))


def named_icons() -> list[str]:
    """Icons that templates and our own scripts name as `#tabler-<name>`."""
    sources = [*_files("templates", "*.html"), *(path for path in _files("static", "*.js") if VENDOR not in path.parents)]
    return sorted({name for path in sources for name in ICON_USE.findall(path.read_text())})


def subset_sprite(sprite: str, icons: Iterable[str]) -> str:
    symbols = {match[1]: match[0] for match in SYMBOL.finditer(sprite)}
    missing = [name for name in icons if name not in symbols]
    if missing:
        raise UnknownIcon(f"no such Tabler icon: {', '.join(missing)}")
    return '<svg xmlns="http://www.w3.org/2000/svg"><defs>' + "".join(symbols[name] for name in icons) + "</defs></svg>\n"


def _copy_font() -> None:
    css = (NODE_MODULES / FONT / "index.css").read_text()
    for name in re.findall(r"url\(\./files/([^)]+)\)", css):
        (VENDOR / name).write_bytes((NODE_MODULES / FONT / "files" / name).read_bytes())
    (VENDOR / "inter.css").write_text(css.replace("./files/", "").replace("font-display: swap", "font-display: optional"))  # text never moves for it


def _files(folder: str, pattern: str) -> Iterable[Path]:
    return (DASHBOARD / folder).rglob(pattern)


def _inputs_hash(icons: list[str]) -> str:
    recipe = Path(__file__).read_bytes() + (ROOT / "package-lock.json").read_bytes() + " ".join(icons).encode()
    recipe += b"".join((DASHBOARD / "static" / "dashboard" / f"{name}.css").read_bytes() for name in OWN_STYLES)
    return hashlib.sha256(recipe).hexdigest()
