"""The named steps, by the process that dies at them. `test_steps.py` holds this against the source of the product: none is left out."""

FOLLOWER = (
    *(f"advance_chain.{what}" for what in ("read", "before_commit", "committed")),
    "rewind_chain.undone",
    "book_transaction.before_commit",
    *(f"backfill_wallet.{what}" for what in ("read", "before_commit", "committed")),
)
WORKER = (
    *(
        f"payment.{when}_{what}"
        for what in ("intent", "fees", "slot", "sign", "record", "broadcast", "receipt", "plan", "finalise")
        for when in ("before", "after")
    ),
    "payment.after_sent",
)
SIGNER = (*(f"signer.{what}" for what in ("asked", "read", "decided", "answering")), *(f"vault.{what}" for what in ("asked", "opened", "signed")))
BY_PROCESS = {"follower": FOLLOWER, "worker": WORKER, "signer": SIGNER}
STEPS = tuple(step for steps in BY_PROCESS.values() for step in steps)

RECURRING = ("recurring.written_down", "recurring.prepared")
"""Of the lane of recurring payments: killed by `tests/http/test_recurring.py`."""

PAYROLL = ("payroll.after_payment", "payroll.after_note")
"""Of the lane that prepares the payments of a payroll: killed by `test_payroll_crashes.py`."""

LOTS = (
    "post_by_lots.taken",
    "book_transaction.committed",
    *(f"settle_lots.{what}" for what in ("corrected", "before_commit", "committed")),
)
"""Of booking by lots and of settling them: killed by `tests/flows/test_lot_crashes.py`."""

MATCHING = ("receipt.before_match", "receipt.matched")
"""Of the lane that matches what came with invoices: killed by `receipts.py`."""

RECEIPTS = (
    *MATCHING,
    *(f"refund.{what}" for what in ("set_aside", "prepared", "before_settle", "settled")),
    *(f"invoice_mail.{what}" for what in ("begun", "answered", "ended")),
)
"""With refunds, killed by `tests/http/test_paid_in_crypto.py`, and letters, killed by `tests/http/test_invoice_mail.py`."""

OF_OTHERS = frozenset(
    {
        "audit.sealed",
        "entries.sealed",
        "relay.committed",
        "relay.counted",
        "relay.numbered",
        "webhook.answered",
        "webhook.noted",
        "notifications.before_commit",
    }
)
"""Of processes that write neither payments nor movements: killed by tests of their own."""


def process_of(step: str) -> str:
    return next(name for name, steps in BY_PROCESS.items() if step in steps)
