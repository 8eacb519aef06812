"""Where passwords are typed: hidden, named for the browser's own manager, and never kept from being pasted. Read out of the templates."""

import re

from tests.architecture.reading import ROOT

PERSON = ROOT / "crypto_api" / "dashboard" / "templates" / "dashboard" / "person"
SCRIPTS = ROOT / "crypto_api" / "dashboard" / "static" / "dashboard"
FIELD = re.compile(r'\{% include "dashboard/parts/field\.html" with ([^%]+)%\}')
NAMED = re.compile(r'(\w+)="([^"]*)"')
EXPECTED = {
    ("log_in.html", "password", "current-password"),
    ("confirm.html", "password", "current-password"),
    ("register.html", "password", "new-password"),
    ("reset_password.html", "new_password", "new-password"),
    ("reset_password.html", "again", "new-password"),
    ("change_password.html", "current_password", "current-password"),
    ("change_password.html", "new_password", "new-password"),
    ("change_password.html", "again", "new-password"),
}


def test_passwords_are_hidden_and_may_be_pasted() -> None:
    found = set()
    for path in sorted(PERSON.glob("*.html")):
        for field in (dict(NAMED.findall(values)) for values in FIELD.findall(path.read_text())):
            if "password" in field["name"] or field["name"] == "again":
                assert field.get("type") == "password", path.name
                assert int(field["maxlength"]) >= 64, path.name
                found.add((path.name, field["name"], field["autocomplete"]))
    assert found == EXPECTED
    part = (PERSON.parent / "parts" / "field.html").read_text()
    assert """type="{{ type|default:'text' }}"{% if type != "password" %} value=""" in part, "what was typed does not come back"
    listened = {name for path in SCRIPTS.glob("*.js") for name in re.findall(r"addEventListener\(\s*[\"'](\w+)", path.read_text())}
    assert "submit" in listened
    assert not listened & {"paste", "beforeinput", "copy", "cut"}
