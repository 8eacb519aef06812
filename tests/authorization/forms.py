"""What a person types into each form of the dashboard, where an empty form is not enough to reach what it does."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from tests.authorization.house import House, Person, random_address

Form = Mapping[str, str] | Sequence[tuple[str, str]]
Filler = Callable[[House, str, Person], Awaitable[Form]]
FORMS: dict[str, Filler] = {}


def form(name: str) -> Callable[[Filler], Filler]:
    def put(filler: Filler) -> Filler:
        FORMS[name] = filler
        return filler

    return put


@form("contract-register")
async def register_contract(house: House, org_id: str, person: Person) -> Form:
    return {"name": "Vesting", "network": "testnet", "address": random_address()}


@form("contract-edit")
async def rename_contract(house: House, org_id: str, person: Person) -> Form:
    return {"name": "Vesting of the founders"}


@form("contract-call")
async def ask_contract(house: House, org_id: str, person: Person) -> Form:
    return {"function": "total()"}


@form("finding-suppress")
async def suppress_finding(house: House, org_id: str, person: Person) -> Form:
    return {"reason": "The owner is our Safe."}


@form("wallet-add")
async def add_wallet(house: House, org_id: str, person: Person) -> Form:
    return {"name": "Operations", "wallet_type": "watch", "network": "testnet", "address": random_address(), "monitoring_enabled": "on"}


@form("price-enter")
async def enter_price(house: House, org_id: str, person: Person) -> Form:
    return {"asset": "ETH", "quote": "USD", "rate": "3120.45"}


@form("price-alert-add")
async def add_alert(house: House, org_id: str, person: Person) -> Form:
    return {"asset": "ETH", "quote": "USD", "condition": "above", "threshold": "4000"}


@form("price-alert")
async def change_alert(house: House, org_id: str, person: Person) -> Form:
    return {"condition": "below", "threshold": "2500", "hysteresis": "2", "note": "", "mail": "on"}


@form("price-alert-pause")
async def pause_alert(house: House, org_id: str, person: Person) -> Form:
    return {"paused": "true"}


@form("bulk-transactions")
@form("review-say")
async def say_what_it_was(house: House, org_id: str, person: Person) -> Form:
    return {"category": "income"}


@form("classification-rule-new")
@form("classification-rule")
@form("classification-rule-preview")
async def write_a_rule(house: House, org_id: str, person: Person) -> Form:
    return {"name": "Hosting", "assets": "DAI", "ways": "out", "category": "expense", "enabled": "on"}


@form("classification-rule-switch")
async def turn_off(house: House, org_id: str, person: Person) -> Form:
    return {"enabled": "false"}


@form("inbox-remedy")
async def look_again(house: House, org_id: str, person: Person) -> Form:
    return {"remedy": "recheck"}


@form("bulk-inbox-waive")
@form("inbox-waive")
async def let_it_stand(house: House, org_id: str, person: Person) -> Form:
    return {"waive_reason": "Agreed with the auditor"}


@form("transaction-edit")
async def note_something(house: House, org_id: str, person: Person) -> Form:
    return {"note": "Seen by mail", "counterparty": "", "description": ""}


@form("wallet-settings")
async def rename_wallet(house: House, org_id: str, person: Person) -> Form:
    return {"name": "Payroll"}


@form("wallet-monitor")
async def watch_wallet(house: House, org_id: str, person: Person) -> Form:
    return {"enabled": "true"}


@form("payee-add")
async def write_payee(house: House, org_id: str, person: Person) -> Form:
    return {"name": "Analytical Engines", "address": random_address(), "network": "", "note": ""}


@form("invoice-new")
@form("invoice-edit")
async def write_invoice(house: House, org_id: str, person: Person) -> Form:
    known = await house.runtime.database["clients"].find_one({"org_id": org_id})
    return {
        "client_id": known["_id"] if known else "",
        "description": "Analysis",
        "quantity": "1",
        "unit": "",
        "price": "100",
        "discount": "",
        "taxes": "19",
    }


@form("invoice-settings")
async def write_invoice_settings(house: House, org_id: str, person: Person) -> Form:
    patterns = {"pattern_invoice": "R{number}", "pattern_credit_note": "G{number}", "pattern_quote": "A{number}"}
    return {"template": "banner", "accent": "#0B5CAD", "mode": "half_up", "tax": "per_rate"} | patterns


@form("client-invite")
async def invite_client(house: House, org_id: str, person: Person) -> Form:
    return {"email": f"{random_address()[2:14]}@example.com"}


@form("invoice-repeat")
async def repeat_invoice(house: House, org_id: str, person: Person) -> Form:
    return {"frequency": "monthly", "interval": "1", "start_date": "2030-01-31", "ends": "never", "mode": "draft"}


@form("invoice-mail")
async def mail_invoice(house: House, org_id: str, person: Person) -> Form:
    return {"to": "billing@engines.example"}


@form("receipt-apply")
async def apply_receipt(house: House, org_id: str, person: Person) -> Form:
    return {"invoice": "inv_nobody"}


@form("receiving-settings")
async def write_receiving_settings(house: House, org_id: str, person: Person) -> Form:
    return {"extended_key": "", "lock_minutes": "20", "gap_limit": "20"}


@form("invoice-crypto")
async def ask_crypto(house: House, org_id: str, person: Person) -> Form:
    return {"asset": "testnet|ETH", "place": "wal_nobody"}


@form("receipt-refund")
async def refund_receipt(house: House, org_id: str, person: Person) -> Form:
    return {"wallet": "wal_nobody"}


@form("invoice-pay")
async def pay_invoice(house: House, org_id: str, person: Person) -> Form:
    return {"amount": "10.00", "method": "bank"}


@form("client-add")
@form("client-edit")
async def write_client(house: House, org_id: str, person: Person) -> Form:
    return {"name": "Analytical Engines", "kind": "company", "payment_terms_days": "30"}


@form("payroll-add")
async def open_payroll(house: House, org_id: str, person: Person) -> Form:
    days = {"start_date": "2026-11-01", "end_date": "2026-11-30", "pay_date": "2026-11-30"}
    return {"name": f"November {random_address()}", "currency": "USD", **days}


@form("payslip-adjust")
async def adjust_payslip(house: House, org_id: str, person: Person) -> Form:
    return {"earning_kind": "bonus", "earning_name": "Launch", "earning_amount": "500", "overtime_hours": "1"}


@form("tax-table-add")
async def add_tax_table(house: House, org_id: str, person: Person) -> Form:
    code = random_address()[2:14].upper()
    return {"code": code, "name": "Wage tax", "currency": "USD", "effective_from": "2026-01-01", "above": "0", "percent": "10"}


@form("pay-profile")
async def write_pay(house: House, org_id: str, person: Person) -> Form:
    return {"currency": "USD", "basic": "1200", "method_0": "bank", "percent_0": "100"}


@form("payee-verify")
async def reject_payee(house: House, org_id: str, person: Person) -> Form:
    return {"decision": "reject"}


@form("payment-policy-decide")
async def confirm_policy(house: House, org_id: str, person: Person) -> Form:
    return {"decision": "confirm", "version": "1"}


@form("lot-policy-change")
async def propose_method(house: House, org_id: str, person: Person) -> Form:
    return {"method": "fifo", "scope": "wallet", "months": "12", "start_date": "", "step": "propose"}


@form("lot-policy-decide")
async def confirm_method(house: House, org_id: str, person: Person) -> Form:
    return {"decision": "confirm", "version": "1"}


@form("lot-policy-withdraw")
async def withdraw_method(house: House, org_id: str, person: Person) -> Form:
    return {"version": "1"}


@form("payment-sent")
async def tell_hash(house: House, org_id: str, person: Person) -> Form:
    return {"hash": "0x" + "ab" * 32}


@form("journal-new")
async def write_entry(house: House, org_id: str, person: Person) -> Form:
    return [("date", "2026-11-20"), ("description", "Rent"), *_lines("1100", "10", ""), *_lines("3100", "", "10")]


@form("journal-edit")
async def edit_entry(house: House, org_id: str, person: Person) -> Form:
    return await write_entry(house, org_id, person)


@form("journal-reverse")
async def reverse_entry(house: House, org_id: str, person: Person) -> Form:
    return {"reason": "Booked twice"}


def _lines(account: str, debit: str, credit: str) -> list[tuple[str, str]]:
    return [("account", account), ("note", ""), ("debit", debit), ("credit", credit), ("asset", ""), ("quantity", "")]


@form("account-add")
async def add_account(house: House, org_id: str, person: Person) -> Form:
    return {"code": random_address()[2:14], "name": "Grants", "account_type": "income", "parent_code": ""}


@form("account")
async def rename_account(house: House, org_id: str, person: Person) -> Form:
    return {"name": "Travel abroad", "parent_code": "", "active": "on"}


@form("statement-make")
async def make_statement(house: House, org_id: str, person: Person) -> Form:
    return {"kind": "balance_sheet", "as_of": "2026-06-30", "compare_to": ""}


@form("tax-generate")
async def make_tax_report(house: House, org_id: str, person: Person) -> Form:
    return {"period": "yearly", "date": "2026-05-01", "method": "fifo", "scope": "wallet"}


@form("long-report-order")
async def order_report(house: House, org_id: str, person: Person) -> Form:
    return {"report": "books", "format": "csv", "at": "", "date_from": ""}


@form("seal-anchor")
async def anchor_seal(house: House, org_id: str, person: Person) -> Form:
    return {"network": "local", "transaction_hash": "0x" + "ab" * 32}


@form("closing-reopen")
async def reopen_month(house: House, org_id: str, person: Person) -> Form:
    return {"reason": "Booked twice"}


@form("webhook-add")
async def add_webhook(house: House, org_id: str, person: Person) -> Form:
    return {"url": "https://example.com/coffer", "kinds": "invoice.*"}


@form("webhook-edit")
async def edit_webhook(house: House, org_id: str, person: Person) -> Form:
    return {"url": "https://example.com/coffer", "kinds": "", "description": "Books elsewhere"}


@form("webhook-resume")
async def resume_webhook(house: House, org_id: str, person: Person) -> Form:
    return {"after_seq": "0"}


@form("automation-switch")
async def stop_schedule(house: House, org_id: str, person: Person) -> Form:
    return {"schedule": "prices", "stop": "true"}


@form("automation-run")
async def run_schedule(house: House, org_id: str, person: Person) -> Form:
    return {"schedule": "prices"}


@form("platform-automation-switch")
async def stop_schedule_for_all(house: House, org_id: str, person: Person) -> Form:
    return {"schedule": "news", "stop": "true"}


@form("platform-automation-run")
async def run_schedule_for_all(house: House, org_id: str, person: Person) -> Form:
    return {"schedule": "news"}
