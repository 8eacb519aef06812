"""What somebody is told by mail when how they get in has changed: whoever did not do it themselves learns of it."""

from collections.abc import Mapping
from datetime import datetime

from crypto_api.identity.documents import User
from crypto_api.identity.types import Notice
from crypto_api.kit.languages import noted, said

SUBJECT = noted("A change to your Coffer account")
LOG_IN_SUBJECT = noted("A log-in to your Coffer account that may not be yours")
OF_LOG_INS = frozenset({Notice.NEW_PLACE, Notice.SECOND_FACTOR_FAILED, Notice.LOG_INS_FAILED})
TEXT = noted("""Hello {first_name},

{what}

If it was you, there is nothing to do. If not, change your password at once, end your other sessions, and tell an administrator of your organisation:

    {link}
""")
AROUND = noted("Around {moment}, {what}")
WHAT = {
    Notice.TOTP_ENABLED: noted("codes of an authenticator app were turned on as the second factor of your account."),
    Notice.TOTP_DISABLED: noted("the second factor of your account was turned off. Your recovery codes no longer count."),
    Notice.RECOVERY_CODES_RENEWED: noted("new recovery codes were made for your account. The old ones no longer count."),
    Notice.RECOVERY_CODE_USED: noted("a recovery code was used in place of a code of your authenticator app. It counts no more."),
    Notice.PASSKEY_ADDED: noted("a passkey was added to your account. It opens your account without a password."),
    Notice.PASSKEY_REMOVED: noted("a passkey was removed from your account."),
    Notice.ETHEREUM_ACCOUNT_ADDED: noted("an Ethereum account was linked to your account. Its signature opens your account without a password."),
    Notice.PASSWORD_CHANGED: noted("the password of your account was changed. Your other sessions ended."),
    Notice.PASSWORD_RESET: noted("the password of your account was set by a link from a mail to you. Every session ended."),
    Notice.EMAIL_CHANGE_ASKED: noted(
        "somebody who is logged in asked to give your account another e-mail address. It changes when the link in the mail to "
        "the new address is opened."
    ),
    Notice.EMAIL_CHANGED: noted("your account got another e-mail address."),
    Notice.SECOND_FACTOR_RESET: noted(
        "an operator of this installation removed the second factor, the recovery codes and the passkeys of your account. Every session ended."
    ),
    Notice.ETHEREUM_ACCOUNT_REMOVED: noted("an Ethereum account was unlinked from your account."),
    Notice.USERNAME_CHANGED: noted("your account got another user name: {username}."),
    Notice.NEW_PLACE: noted("somebody logged in to your account on a device or at a place where you had not before: {device}, {ip}."),
    Notice.SECOND_FACTOR_FAILED: noted(
        "somebody showed the password of your account, or a key that opens it, and then a wrong code five times: {device}, {ip}."
    ),
    Notice.LOG_INS_FAILED: noted("somebody tried to log in to your account with a wrong password ten times: {device}, {ip}. They did not get in."),
}


def notice_text(user: User, data: Mapping[str, str], at: datetime, site: str) -> tuple[str, str]:
    """Subject and text. `data` holds which `Notice` it is as `what`, and beside it what its words name."""
    notice = Notice(data["what"])
    happened = said(WHAT[notice], user.language).format(**{name: data.get(name) or "?" for name in ("username", "device", "ip")})
    told = said(AROUND, user.language).format(moment=at.strftime("%Y-%m-%d %H:%M UTC"), what=happened)
    text = said(TEXT, user.language).format(first_name=user.first_name, what=told, link=f"{site}/profile/")
    return said(LOG_IN_SUBJECT if notice in OF_LOG_INS else SUBJECT, user.language), text
