"""Tax ids: what a country can have given, and how it is written there."""

import pytest

from crypto_api.clients.rules import checked_tax_id


@pytest.mark.parametrize(
    ("typed", "country", "written", "rule"),
    [
        ("136 695 976", "DE", "DE136695976", "de.vat"),
        ("DE 136,695 976", "DE", "DE136695976", "de.vat"),
        ("Fr 40 303 265 045", "FR", "FR40303265045", "fr.vat"),
        ("40303265045", "MC", "FR40303265045", "fr.vat"),
        ("094259216", "GR", "EL094259216", "gr.vat"),
        ("EL 094259216", "GR", "EL094259216", "gr.vat"),
        ("GB 980 7806 84", "GB", "GB980780684", "gb.vat"),
        ("U13585627", "AT", "ATU13585627", "at.vat"),
        ("CHE-107.787.577 IVA", "CH", "CHE107787577IVA", "ch.vat"),
        ("536-90-4399", "US", "536904399", "us.tin"),
        ("no rule is known 12", "AQ", "no rule is known 12", ""),
        ("  a  b ", "", "a b", ""),
        ("", "DE", "", ""),
    ],
)
def test_a_tax_id_is_written_as_its_country_writes_it(typed: str, country: str, written: str, rule: str) -> None:
    found = checked_tax_id(typed, country)
    assert (found.number, found.checked) == (written, rule)
    if rule and country != "MC":
        assert checked_tax_id(found.number, country) == found, "what was written down is taken again as it stands"


@pytest.mark.parametrize(
    ("typed", "country", "told"),
    [
        ("136695978", "DE", "wrong check digit"),
        ("13669597", "DE", "length"),
        ("DE13669597X", "DE", "form"),
        ("FR40303265045", "DE", "of DE"),
        ("GB980780685", "GB", "check digit"),
    ],
)
def test_what_a_country_cannot_have_given_is_refused(typed: str, country: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        checked_tax_id(typed, country)
