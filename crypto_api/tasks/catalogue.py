"""Every schedule of the installation: what comes round by itself, how often, and who may stop it."""

from collections.abc import Mapping

from crypto_api.tasks.types import Schedule, ScheduleName

_N = ScheduleName

SCHEDULES: Mapping[ScheduleName, Schedule] = {
    row.name: row
    for row in (
        Schedule(_N.PRICES, "Prices", "Asks for the prices of what is held, fires price alerts, and values anew what had none.", 60.0),
        Schedule(_N.CLASSIFICATION, "Classification", "Asks the language model about movements that nothing else explains.", 30.0),
        Schedule(_N.RECEIPTS, "Receipts", "Matches crypto that came in with the invoices that asked for it.", 2.0),
        Schedule(_N.RECURRING_PAYMENTS, "Recurring payments", "Prepares the payment of every standing order on its day.", 5.0),
        Schedule(_N.RECURRING_INVOICES, "Recurring invoices", "Writes the invoice of every period that has come.", 60.0),
        Schedule(_N.OVERDUE_INVOICES, "Overdue invoices", "Marks invoices whose due date has passed.", 60.0),
        Schedule(_N.INVOICE_REMINDERS, "Invoice reminders", "Reminds clients on the days that the settings name.", 60.0),
        Schedule(_N.INVOICE_LETTERS, "Invoice letters", "Sends letters to clients whose first attempt did not succeed.", 15.0),
        Schedule(_N.NOTICE_LETTERS, "Notice letters", "Writes to people what they were told in the application.", 15.0),
        Schedule(_N.NEWS, "News", "Reads the feeds that are configured.", 900.0, per_organization=False),
        Schedule(_N.PAYROLLS, "Payrolls", "Carries out payrolls that were approved and ordered.", 1.0, per_organization=False, essential=True),
        Schedule(
            _N.ACCOUNT_LETTERS, "Account letters", "Sends letters about accounts and invitations again.", 15.0, per_organization=False, essential=True
        ),
        Schedule(_N.ABANDONED_TASKS, "Abandoned tasks", "Ends tasks whose worker was killed.", 10.0, per_organization=False, essential=True),
    )
}
