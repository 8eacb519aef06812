"""Pages hold no script and no style of their own: the Content-Security-Policy would refuse them."""

import re
from pathlib import Path

from tests.architecture.reading import ROOT, where

FORBIDDEN = {
    "inline script": re.compile(r"<script(?![^>]*\bsrc=)[^>]*>", re.IGNORECASE),
    "inline style": re.compile(r"<style\b", re.IGNORECASE),
    "style attribute": re.compile(r"<[^>]*\sstyle\s*=", re.IGNORECASE),
    "event attribute": re.compile(r"<[a-z][^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "script address": re.compile(r"[\"']\s*javascript:", re.IGNORECASE),
    "evaluated attribute": re.compile(r"\shx-on[:-]|hx-(?:vals|headers)\s*=\s*[\"']\s*js:", re.IGNORECASE),
    "unescaped value": re.compile(r"\|\s*safe\b|\{%\s*autoescape\s+off"),
    "foreign address": re.compile(r"(?:src|href)\s*=\s*[\"'](?:https?:)?//", re.IGNORECASE),
}


def faults_of(path: Path, text: str) -> list[str]:
    return [f"{where(path)}: {name}" for name, pattern in FORBIDDEN.items() if pattern.search(text)]


def test_templates_hold_markup_only() -> None:
    templates = sorted((ROOT / "crypto_api").rglob("templates/**/*.html"))
    assert templates
    assert [fault for path in templates for fault in faults_of(path, path.read_text())] == []


def test_the_check_finds_bad_templates() -> None:
    bad = (
        '<script>alert(1)</script><style>a{}</style><p style="color:red" onclick="go()"><a href="javascript:go()"></a>'
        "<div hx-on:click='go()'>{{ name|safe }}<img src='https://elsewhere.example/x.png'>"
    )
    assert [fault.split(": ")[1] for fault in faults_of(Path("bad.html"), bad)] == list(FORBIDDEN)
    assert faults_of(Path("good.html"), '<script src="{% static \'a.js\' %}" defer></script><p class="on" data-on="1">{{ name }}') == []
