"""Every key that does something on a page. The help sheet is made of this list, and the palette takes the places that `g` leads to from the sheet; a
test holds the list against the scripts, key by key."""

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.translation import gettext_noop as _

from crypto_api.dashboard.translation import gettext
from crypto_api.organizations.types import Permission, Principal


@dataclass(frozen=True, slots=True)
class Shortcut:
    """`ways`: each is what is pressed together, or one after another where it leads somewhere."""

    scripts: tuple[str, ...]  # that listen for it, by name
    ways: tuple[tuple[str, ...], ...]
    does: str
    path: str = ""  # after `g`: where it leads
    needs: tuple[Permission, ...] = ()  # any of these; none: everybody

    @property
    def key(self) -> str:
        return self.ways[0][-1]


def _go(key: str, does: str, path: str) -> Shortcut:
    return Shortcut(("palette",), (("g", key),), does, path)


def _review(key: str, does: str, needs: Permission = Permission.TRANSACTIONS_READ) -> Shortcut:
    return Shortcut(("review",), ((key,),), does, needs=(needs,))


_SAY, _ENTRY, _WRITE = Permission.TRANSACTIONS_WRITE, (Permission.LEDGER_WRITE,), (Permission.LEDGER_WRITE, Permission.INVOICES_WRITE)


GROUPS: tuple[tuple[str, tuple[Shortcut, ...]], ...] = (
    (
        _("On every page"),
        (
            Shortcut(("palette",), (("Ctrl", "K"), ("⌘", "K")), _("Search and commands")),
            Shortcut(("palette",), (("↑",), ("↓",)), _("Choose in the search")),
            Shortcut(("palette",), (("Enter",),), _("Open what is chosen")),
            Shortcut(("palette", "page"), (("/",),), _("Search in the list, else everywhere")),
            Shortcut(("palette",), (("?",),), _("This sheet")),
            _go("o", _("Overview"), "/"),
            _go("t", _("Transactions"), "/transactions/"),
            _go("w", _("Wallets"), "/wallets/"),
            _go("i", _("Inbox"), "/inbox/"),
            _go("a", _("Approvals"), "/approvals/"),
            _go("p", _("Payments"), "/payments/"),
            _go("v", _("Invoices"), "/invoices/"),
            _go("j", _("Journal"), "/journal/"),
            Shortcut(("page",), (("Esc",),), _("Close what is open")),
        ),
    ),
    (
        _("Understanding"),
        (
            _review("j", _("Next row")),
            _review("k", _("Previous row")),
            _review("x", _("Choose the row"), _SAY),
            _review("a", _("Accept the suggestions"), _SAY),
            _review("c", _("Choose a category"), _SAY),
            _review("s", _("Say so"), _SAY),
            _review("w", _("Why")),
            _review("o", _("Open the transaction")),
        ),
    ),
    (
        _("Writing an entry or an invoice"),
        (
            Shortcut(("entry-form", "invoice-form"), (("Enter",),), _("Next field, at the end a new line"), needs=_WRITE),
            Shortcut(("entry-form",), (("=",),), _("In an amount of an entry: what is missing"), needs=_ENTRY),
            Shortcut(("entry-form", "invoice-form"), (("Ctrl", "Enter"), ("⌘", "Enter")), _("Save the draft"), needs=_WRITE),
            Shortcut(("entry-form",), (("Ctrl", "Shift", "Enter"),), _("Post the entry"), needs=_ENTRY),
        ),
    ),
)
"""By where they work. The single ones can be switched off (WCAG 2.1.4); in a field they are letters."""


def sheet(principal: Principal, paths: Collection[str]) -> list[tuple[str, list[tuple[Shortcut, str]]]]:
    """What works for this person, who is offered the pages at `paths`, with what each does in the reader's language."""
    return [(gettext(name), told) for name, rows in GROUPS if (told := [(row, gettext(row.does)) for row in rows if _works(row, principal, paths)])]


def _works(row: Shortcut, principal: Principal, paths: Collection[str]) -> bool:
    return row.path in paths if row.path else not row.needs or any(principal.may(needed) for needed in row.needs)
