"""Errors of the slice."""

from crypto_api.kit.errors import Conflict, PermissionDenied, Unavailable


class SigningRefused(Conflict):
    """The signer read it all again, and something does not hold."""

    code = "signing_refused"


class SignerUnavailable(Unavailable):
    code = "signer_unavailable"

    def __init__(self) -> None:
        super().__init__("The signer cannot be reached at the moment. Nothing was signed; it goes on by itself when it is back.")


class OwnPayment(PermissionDenied):
    code = "own_payment"

    def __init__(self) -> None:
        super().__init__("Nobody approves what they prepared.")
