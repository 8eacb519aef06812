"""Errors of the slice."""

from crypto_api.kit.errors import Conflict, PermissionDenied
from crypto_api.kit.signing import SignerUnavailable as SignerUnavailable
from crypto_api.kit.signing import SigningRefused as SigningRefused


class OwnPayment(PermissionDenied):
    code = "own_payment"

    def __init__(self) -> None:
        super().__init__("Nobody approves what they prepared.")


class BeyondYourLimit(PermissionDenied):
    code = "beyond_your_limit"

    def __init__(self) -> None:
        super().__init__("The payment is above the value up to which the payment policy lets a MANAGER approve.")


class WouldRevert(Conflict):
    """The simulation says that it would fail. Nothing was stored."""

    code = "would_revert"


class InsufficientFunds(Conflict):
    """Nothing was stored."""

    code = "insufficient_funds"


class WrongState(Conflict):
    """It has gone too far for that, or not far enough."""

    code = "wrong_state"


class PayloadChanged(Conflict):
    code = "payload_changed"

    def __init__(self) -> None:
        super().__init__("The payment is not the one that was shown: its payload has another hash.")


class AlreadyDecided(Conflict):
    code = "already_decided"

    def __init__(self) -> None:
        super().__init__("You have decided about this payment already.")


class SignatureRequired(Conflict):
    code = "signature_required"

    def __init__(self) -> None:
        super().__init__("The payment policy asks for an EIP-712 signature of this payment's typed data by an Ethereum account of yours.")


class HashTaken(Conflict):
    code = "hash_taken"

    def __init__(self) -> None:
        super().__init__("This transaction belongs to another payment already.")


class NotFrozen(Conflict):
    code = "not_frozen"

    def __init__(self) -> None:
        super().__init__("The wallet of this payment is not stopped.")


class NotFinalYet(Conflict):
    """What used the nonce may still be undone by a reorganisation."""

    code = "not_final_yet"
