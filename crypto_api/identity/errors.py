"""Errors of the slice. What they say never tells whether an account exists."""

from crypto_api.identity.types import Purpose
from crypto_api.kit.errors import Conflict, PermissionDenied, TooManyRequests, Unauthenticated


class InvalidCredentials(Unauthenticated):
    code = "invalid_credentials"

    def __init__(self, user_id: str | None = None) -> None:
        """`user_id` is for the log: the answer never tells whether there is such an account."""
        super().__init__("The name or the password is wrong.")
        self.user_id = user_id


class InvalidToken(Unauthenticated):
    code = "invalid_token"

    def __init__(self) -> None:
        super().__init__("The token is missing, wrong, used or no longer valid.")


class EmailNotVerified(PermissionDenied):
    code = "email_not_verified"

    def __init__(self) -> None:
        super().__init__("Open the link in the mail that was sent on registration first.")


class AccountSuspended(PermissionDenied):
    code = "suspended"

    def __init__(self) -> None:
        super().__init__("This account is suspended. Ask the operator of this installation.")


class TooManyAttempts(TooManyRequests):
    code = "too_many_attempts"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("Too many failed tries. Wait a moment before the next.", retry_after_s=retry_after_s)


class TooManyLifts(TooManyRequests):
    code = "too_many_lifts"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            "Their lock-out was lifted often enough for one day. It ends by itself, after a quarter of an hour at most.", retry_after_s=retry_after_s
        )


class EmailTaken(Conflict):
    code = "email_taken"

    def __init__(self) -> None:
        super().__init__("There is an account with this e-mail address already.")


class UsernameTaken(Conflict):
    code = "username_taken"

    def __init__(self) -> None:
        super().__init__("There is an account with this user name already.")


class ReusedToken(InvalidToken):
    """Answers like any other invalid token; the log says more."""

    def __init__(self, session_id: str) -> None:
        super().__init__()
        self.session_id = session_id


class SessionNotApproved(PermissionDenied):
    code = "session_not_approved"

    def __init__(self, purpose: Purpose) -> None:
        super().__init__(f"Confirm that it is you first (POST /api/auth/confirm-password/ with the purpose {purpose}).")


class OtpRequired(Unauthenticated):
    code = "otp_required"

    def __init__(self, user_id: str | None = None) -> None:
        """`user_id` is for a log-in that goes on in a second step."""
        super().__init__("Give the code of your authenticator app, or a recovery code, as `otp`.")
        self.user_id = user_id


class InvalidOtp(Unauthenticated):
    code = "invalid_otp"

    def __init__(self) -> None:
        super().__init__("The code is wrong, too old or was used before.")


class TotpAlreadyOn(Conflict):
    code = "totp_already_on"

    def __init__(self) -> None:
        super().__init__("A second factor is on already. Turn it off first to set up another.")


class TotpNotSetUp(Conflict):
    code = "totp_not_set_up"

    def __init__(self) -> None:
        super().__init__("No second factor is set up: begin with POST /api/auth/mfa/totp/.")


class PasskeysNeedAName(Conflict):
    code = "passkeys_need_a_name"

    def __init__(self) -> None:
        super().__init__(
            "Browsers use passkeys at a host name only, not at an IP address: open Coffer under a name (as FRONTEND_URL says), such as http://localhost."
        )


class InvalidPasskey(Unauthenticated):
    """One answer for whatever is wrong with it."""

    code = "invalid_passkey"

    def __init__(self) -> None:
        super().__init__("The passkey was not accepted. Ask for new options and try again.")


class PasskeyTaken(Conflict):
    code = "passkey_taken"

    def __init__(self) -> None:
        super().__init__("This passkey is registered already.")


class TooManyPasskeys(Conflict):
    code = "too_many_passkeys"

    def __init__(self, at_most: int) -> None:
        super().__init__(f"There are {at_most} passkeys, which is as many as an account can have. Remove one first.")


class LastWayIn(Conflict):
    code = "last_way_in"

    def __init__(self) -> None:
        super().__init__("Nothing else opens this account: set a password or add another way to log in first.")


class InvalidSignature(Unauthenticated):
    """One answer for whatever is wrong with it, and for an address that nobody linked."""

    code = "invalid_signature"

    def __init__(self) -> None:
        super().__init__("The signature was not accepted. Ask for a new text and sign it.")


class EthereumAccountTaken(Conflict):
    code = "ethereum_account_taken"

    def __init__(self) -> None:
        super().__init__("This Ethereum account is linked already.")


class TooManyEthereumAccounts(Conflict):
    code = "too_many_ethereum_accounts"

    def __init__(self, at_most: int) -> None:
        super().__init__(f"There are {at_most} Ethereum accounts, which is as many as an account can have. Unlink one first.")
