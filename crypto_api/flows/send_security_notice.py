"""The mail that tells somebody that how they get in has changed: whoever did not do it themselves learns of it. Best effort: the audit log is
the record."""

from crypto_api.flows.send_verification_mail import MailPort
from crypto_api.identity import store as identities
from crypto_api.identity.types import Notice
from crypto_api.kit.clock import Clock

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
    Notice.PASSKEY_ADDED: "a passkey was added to your account. It opens your account without a password.",
    Notice.PASSKEY_REMOVED: "a passkey was removed from your account.",
    Notice.ETHEREUM_ACCOUNT_ADDED: "an Ethereum account was linked to your account. Its signature opens your account without a password.",
    Notice.ETHEREUM_ACCOUNT_REMOVED: "an Ethereum account was unlinked from your account.",
}


async def send_security_notice(clock: Clock, mail: MailPort, frontend_url: str, user_id: str, what: str) -> bool:
    """False when there is nobody to tell. Unavailable when the mail server does not take it."""
    user = await identities.user(user_id)
    if user is None:
        return False
    link = f"{frontend_url.rstrip('/')}/profile/"
    moment = clock.now().strftime("%Y-%m-%d %H:%M UTC")
    text = TEXT.format(first_name=user.first_name, what=f"Around {moment}, {WHAT[Notice(what)]}", link=link)
    await mail.send(user.email, SUBJECT, text)
    return True
