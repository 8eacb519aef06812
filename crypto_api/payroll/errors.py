"""Errors of the slice."""

from crypto_api.kit.errors import Conflict, FieldError, PermissionDenied


class PeriodExists(Conflict):
    code = "period_exists"

    def __init__(self) -> None:
        super().__init__("There is a period with this name, these days and this currency already.")


class PayslipExists(Conflict):
    code = "payslip_exists"

    def __init__(self) -> None:
        super().__init__("This employee has a payslip in this period already.")


class NotADraft(Conflict):
    code = "not_a_draft"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} was approved: it is neither altered nor deleted.")


class WrongPayslipState(Conflict):
    code = "wrong_state"


class NoPayProfile(Conflict):
    code = "no_pay_profile"

    def __init__(self) -> None:
        super().__init__("Nobody has said yet what this employee earns: write their pay profile first.")


class NegativeNet(Conflict):
    code = "negative_net"

    def __init__(self) -> None:
        super().__init__("More is kept back than is earned: the net pay would be below zero.")


class OwnPayslip(PermissionDenied):
    code = "own_payslip"

    def __init__(self) -> None:
        super().__init__("Nobody approves what they prepared, or their own payslip: somebody else has to do that.")


class NotYourPayslip(PermissionDenied):
    code = "not_your_payslip"

    def __init__(self) -> None:
        super().__init__("Only the employee downloads their own payslip.")


class NothingToPay(Conflict):
    """`errors` says of each payslip why it is not paid now."""

    code = "nothing_to_pay"

    def __init__(self, held: list[FieldError]) -> None:
        super().__init__("There is nothing that could be paid by this wallet now.")
        self.errors = held or None


class NoRate(Conflict):
    code = "no_rate"

    def __init__(self, asset: str, currency: str) -> None:
        super().__init__(f"No source tells a rate of {asset} in {currency}: enter one among the prices.")


class WalletNotOwned(Conflict):
    code = "wallet_not_proved"
