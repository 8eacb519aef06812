"""What the scripts of pages say to people. A page carries the texts of its own scripts and no others, in its own language, as an attribute of each
script's element: the Content-Security-Policy allows no inline script, a second request would come too late, and the page's ETag covers them."""

from collections.abc import Mapping

from django.utils.translation import gettext_noop

from crypto_api.dashboard.translation import gettext, ngettext

Text = str | tuple[str, str]
"""One text, or that for one and that for more by the place `n`."""

_WALLETS: Mapping[str, Text] = {
    "unanswered": gettext_noop("The server did not answer. Check the connection and try again."),
    "which_account": gettext_noop("Your wallet asks which account."),
    "no_account": gettext_noop("Your wallet gave no account."),
    "refused": gettext_noop("You refused in your wallet, so nothing happened."),
    "asking_already": gettext_noop("Your wallet is asking already. Open it and answer there."),
    "locked": gettext_noop("Your wallet is locked or not connected. Unlock it and try again."),
    "unable": gettext_noop("Your wallet could not do that. Open it, see what it says, and try again."),
}

WORDS: Mapping[str, Mapping[str, Text]] = {
    "live": {
        "connecting": gettext_noop("Connecting"),
        "live": gettext_noop("Live"),
        "reconnecting": gettext_noop("Reconnecting…"),
        "offline": gettext_noop("Offline, updating every 15 s"),
        "refused": gettext_noop("Not live for your role"),
    },
    "page": {
        "wait": gettext_noop("Try again in %(time)s."),
        "waited": gettext_noop("You can try again now."),
        "not_loaded": gettext_noop("That could not be loaded. Try it again."),
    },
    "lists": {
        "none": gettext_noop("Choose all that are shown"),
        "chosen": ("%(n)s chosen", "%(n)s chosen"),
        "failed": gettext_noop("That did not work. Look at the list again before you repeat it."),
    },
    "palette": {"not_searched": gettext_noop("That could not be searched. Try it again.")},
    "keys": {
        **_WALLETS,
        "stale": gettext_noop("This page was open for too long. Load it again and repeat what you did."),
        "failed": gettext_noop("That did not work. Try it again."),
        "no_passkeys": gettext_noop("This browser has no passkeys, or not on a page without https."),
        "not_confirmed": gettext_noop("Nothing was confirmed: it was cancelled, or took too long."),
        "has_passkey": gettext_noop("This device has a passkey for your account already."),
        "other_name": gettext_noop("Passkeys belong to the name under which Coffer runs, and do not work at %(host)s."),
        "device_unable": gettext_noop("This device cannot keep or use such a passkey."),
        "asks_passkey": gettext_noop("Your browser asks for the passkey."),
        "asks_where": gettext_noop("Your browser asks where to keep the passkey."),
        "logging_in": gettext_noop("Logging in."),
        "name_first": gettext_noop("Give the passkey a name first."),
        "no_wallet": gettext_noop(
            "No Ethereum wallet was found in this browser. Install one, such as MetaMask, or unlock it, and load the page again."
        ),
        "text_to_sign": gettext_noop("Your wallet shows a text to sign."),
    },
    "wallet-payment": {
        **_WALLETS,
        "stale": gettext_noop("This page was open for too long. Load it again."),
        "no_wallet": gettext_noop("No Ethereum wallet was found in this browser. Install or unlock one, and load the page again."),
        "other_account": gettext_noop("Your wallet does not show the account %(address)s. Choose it there and try again."),
        "asks_network": gettext_noop("Your wallet asks to change the network."),
        "other_network": gettext_noop("Your wallet is on another network."),
        "shows_payment": gettext_noop("Your wallet shows the payment. Compare the address there."),
        "sent": gettext_noop("Sent as %(hash)s."),
        "not_told": gettext_noop(
            "It was sent as %(hash)s, but the server could not be told: %(problem)s Tell it below, under “%(label)s”. Do not send it again."
        ),
        "sent_already": gettext_noop("I sent it already"),
        "shows_approval": gettext_noop("Your wallet shows what you approve."),
        "changed": gettext_noop("The payment has changed meanwhile. Look at it again."),
        "shows_text": gettext_noop("Your wallet shows the text. Compare it, and sign."),
        "failed": gettext_noop("Something went wrong on this page. Load it again."),
    },
    "parcel": {
        "no_signer": gettext_noop("The signer cannot be reached at the moment, so no key can be added. Try again in a minute."),
        "insecure": gettext_noop("Keys are sealed by the browser, which does that only on a page with https or on localhost."),
        "not_sealed": gettext_noop("The key could not be sealed. Nothing was sent."),
    },
    "review": {
        "none": gettext_noop("Nothing chosen"),
        "chosen": ("%(n)s chosen, %(suggested)s with a suggestion", "%(n)s chosen, %(suggested)s with a suggestion"),
    },
    "entry-form": {
        "unread": gettext_noop("An amount cannot be read"),
        "balanced": gettext_noop("Balanced"),
        "more_debit": gettext_noop("%(amount)s more debit"),
        "more_credit": gettext_noop("%(amount)s more credit"),
    },
    "line-chart": {
        "reading": gettext_noop("Reading…"),
        "none": gettext_noop("No bookings in this period"),
        "failed": gettext_noop("It could not be read. It is tried again by itself."),
        "without": gettext_noop("without %(assets)s"),
    },
    "portfolio-chart": {
        "value": gettext_noop("Value"),
        "cost": gettext_noop("Cost"),
        "cost_of": gettext_noop("cost %(amount)s"),
        "flows": gettext_noop("flows %(amount)s"),
    },
}
"""By the script's name: each text under the key that the script says it by."""


def words_of(script: str) -> dict[str, str | list[str]]:
    """In the active language. KeyError for a script that says nothing."""
    return {key: gettext(text) if isinstance(text, str) else [ngettext(*text, 1), ngettext(*text, 2)] for key, text in WORDS[script].items()}
