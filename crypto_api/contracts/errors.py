"""Errors of the slice."""

from crypto_api.kit.errors import Conflict


class ContractExists(Conflict):
    code = "contract_exists"

    def __init__(self) -> None:
        super().__init__("The organisation has registered this address on this network already.")


class AbiMissing(Conflict):
    code = "abi_missing"

    def __init__(self) -> None:
        super().__init__("Nobody has given an ABI of this contract: add one, or verify its source.")


class CallReverted(Conflict):
    """The contract itself refused the call."""

    code = "call_reverted"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The contract refused the call: {reason}")
        self.reason = reason


class AnswerUnreadable(Conflict):
    """What came back is not what the ABI says."""

    code = "answer_unreadable"


class VerificationBusy(Conflict):
    code = "verification_busy"

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} verifications of the organisation are waiting or running. Wait for one to end.")
