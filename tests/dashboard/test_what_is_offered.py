"""Nobody is offered what they may not do: whoever reads sees no button, form or list that is not for them. That the server refuses them as well
is held elsewhere."""

from decimal import Decimal

import pytest

from crypto_api.ledger.types import AccountCode, Line
from crypto_api.organizations.types import PERMISSIONS, Permission, Role
from crypto_api.runtime import Runtime
from crypto_api.transactions.types import Direction
from tests.dashboard.desk import Sits, invited, person, sits
from tests.dashboard.test_organization_pages import employee, grant
from tests.factories.treasury import Treasury

__all__ = ["sits"]

OFFERS = {
    "/wallets/": ("Add a wallet",),
    "/members/": ('href="/members/invite/"', "Send again", "Revoke"),
    "/fragments/invitations/": ("Send again", "Revoke"),
    "/members/{member}/": ("Yes, remove", "/role/"),
    "/roles/": ("Make a role", 'href="/roles/{role}/"'),
    "/organization/": ("Save", "Add a company"),
    "/address-book/": ("Add a payee",),
    "/payment-policy/": ("Change it",),
    "/lot-policy/": ("Propose a change",),
    "/payments/": ("New payment",),
    "/team/": ("Add somebody", 'href="/team/verification/"'),
    "/team/?view=tree": ("Add somebody", 'href="/team/verification/"'),
    "/team/{active}/": ("Save", ">Suspend", "Yes, remove"),
    "/team/{pending}/": ("Save", "/team/verification/", "Yes, remove"),
}
"""What is on each page for those who may, and for nobody else."""


async def test_whoever_reads_is_offered_no_change(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    await treasury.member("Aud", "Itor", Role.AUDITOR)
    member = await treasury.member("Mem", "Ber", Role.USER)
    role = await grant(runtime, treasury, member.id, Permission.ORGANIZATION_READ)
    await invited(runtime, treasury, "eve@example.com")
    active, pending = await employee(runtime, treasury, "Active", active=True), await employee(runtime, treasury, "Pending")
    ids = {"member": member.id, "role": role.id, "active": active.id, "pending": pending.id}
    admin, auditor = await sits("ada.okafor"), await sits("aud.itor")
    for path, offers in OFFERS.items():
        written, read = await admin.text(path.format(**ids)), await auditor.text(path.format(**ids))
        assert [offer for offer in offers if offer.format(**ids) not in written] == [], f"{path}: not offered to whoever may"
        assert [offer for offer in offers if offer.format(**ids) in read] == [], f"{path}: offered to whoever may not"
    menu = await auditor.text("/members/")
    assert 'href="/audit-log/"' in menu and 'href="/team/verification/"' not in menu and 'href="/platform/"' not in menu


async def test_the_books_are_not_shown_beside_a_transaction_to_whoever_may_not_read_them(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    clerk = await treasury.member("Cle", "Rk", Role.USER)
    await grant(runtime, treasury, clerk.id, Permission.ORGANIZATION_READ, Permission.TRANSACTIONS_READ)
    wallet = await treasury.wallet("Operations")
    row = await treasury.record(treasury.transaction([treasury.movement(wallet, Direction.IN, "1", "ETH", other="x", value="3000")], treasury.now))
    lines = [Line(account_code=AccountCode.CRYPTO, debit=Decimal(3)), Line(account_code=AccountCode.OPENING, credit=Decimal(3))]
    entry = await treasury.post("A secret sale", lines, treasury.now, transaction=row)
    path = f"/transactions/{row.id}/"
    assert entry.id in await (await sits("ada.okafor")).text(path)
    shown = await (await sits("cle.rk")).text(path)
    assert entry.id not in shown and "A secret sale" not in shown


async def test_an_operator_who_only_looks_is_offered_no_suspension(
    sits: Sits, treasury: Treasury, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one kind of operator today, who may do both."""
    await person(runtime, "Root", "Operator", platform_admin=True)
    desk = await sits("root.operator")
    for path in ("/platform/organizations/", "/platform/users/"):
        assert "Yes, suspend it" in await desk.text(path), path
    monkeypatch.setitem(PERMISSIONS, Role.PLATFORM_ADMIN, frozenset({Permission.PLATFORM_READ}))
    for path in ("/platform/organizations/", "/platform/users/"):
        assert "Yes, suspend it" not in await desk.text(path), path
