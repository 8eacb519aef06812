"""What somebody is told by mail when how they get in has changed: whoever did not do it themselves learns of it."""

from datetime import datetime

from crypto_api.identity.types import Notice

SUBJECT = "A change to your Coffer account"
TEXT = """Hello {first_name},

{what}

If it was you, there is nothing to do. If not, change your password at once, end your other sessions, and tell an administrator of your organisation:

    {link}
"""
WHAT = {
    Notice.TOTP_ENABLED: "codes of an authenticator app were turned on as the second factor of your account.",
    Notice.TOTP_DISABLED: "the second factor of your account was turned off. Your recovery codes no longer count.",
    Notice.RECOVERY_CODES_RENEWED: "new recovery codes were made for your account. The old ones no longer count.",
    Notice.RECOVERY_CODE_USED: "a recovery code was used in place of a code of your authenticator app. It counts no more.",
    Notice.PASSKEY_ADDED: "a passkey was added to your account. It opens your account without a password.",
    Notice.PASSKEY_REMOVED: "a passkey was removed from your account.",
    Notice.ETHEREUM_ACCOUNT_ADDED: "an Ethereum account was linked to your account. Its signature opens your account without a password.",
    Notice.PASSWORD_CHANGED: "the password of your account was changed. Your other sessions ended.",
    Notice.PASSWORD_RESET: "the password of your account was set by a link from a mail to you. Every session ended.",
    Notice.EMAIL_CHANGE_ASKED: "somebody who is logged in asked to give your account another e-mail address. It changes when the link in the mail to "
    "the new address is opened.",
    Notice.EMAIL_CHANGED: "your account got another e-mail address.",
    Notice.SECOND_FACTOR_RESET: "an operator of this installation removed the second factor, the recovery codes and the passkeys of your account. "
    "Every session ended.",
    Notice.ETHEREUM_ACCOUNT_REMOVED: "an Ethereum account was unlinked from your account.",
}


def notice_text(first_name: str, what: str, at: datetime, site: str) -> tuple[str, str]:
    """Subject and text. `what` is a `Notice`."""
    moment = at.strftime("%Y-%m-%d %H:%M UTC")
    return SUBJECT, TEXT.format(first_name=first_name, what=f"Around {moment}, {WHAT[Notice(what)]}", link=f"{site}/profile/")
