"""Every document of the product: the one place where they are listed."""

from crypto_api.address_book.documents import Payee
from crypto_api.audit.documents import AuditQueued, AuditRecord, AuditSeal
from crypto_api.backfills.documents import Backfill
from crypto_api.chains.documents import ChainBlock, ChainCursor, ChainProvider, TokenContract
from crypto_api.checkpoints.documents import Checkpoint
from crypto_api.classification.documents import ClassificationRule, ClassificationRuleVersion, Counterparty, PersonDecision
from crypto_api.clients.documents import Client
from crypto_api.contract_audits.documents import ContractAudit, ContractAuditSource, ContractFinding, FindingSuppression
from crypto_api.contracts.documents import Contract, ContractText, ContractVerification
from crypto_api.deliveries.documents import InvoiceDelivery
from crypto_api.employees.documents import Employee
from crypto_api.events.documents import Event, EventHead
from crypto_api.idempotency.documents import IdempotentRequest
from crypto_api.identity.documents import Attempts, DueMail, EthereumAccount, KnownDevice, OneTimeToken, Passkey, Session, SigningKey, User
from crypto_api.inbox.documents import InboxItem
from crypto_api.invoices.documents import Invoice, InvoiceCounter, InvoiceLogo, InvoicePayment, InvoiceSettings
from crypto_api.ledger.documents import (
    Account,
    AccountBalance,
    AccountSum,
    EntrySeal,
    JournalEntry,
    LedgerGuard,
    LedgerPeriod,
    PeriodCertificate,
    SealAnchor,
)
from crypto_api.long_reports.documents import LongReport, LongReportPart
from crypto_api.lots.documents import LotCheckpoint, LotPage, LotPolicy, LotPool, LotState
from crypto_api.news.documents import NewsFeed, NewsItem
from crypto_api.notifications.documents import Notification, NotificationChoices, NotificationCursor
from crypto_api.organizations.documents import Company, CustomRole, Invitation, Membership, Organization
from crypto_api.payments.documents import NonceSlot, Payment, PaymentAttempt, SenderLane
from crypto_api.payroll.documents import Payout, PayProfile, PayrollPeriod, PayrollStep, Payslip, StatementKey, TaxTable
from crypto_api.policies.documents import OrganizationPolicy
from crypto_api.price_alerts.documents import PriceAlert
from crypto_api.prices.documents import ManualPrice, OraclePrice, PriceGap, ProviderPrice
from crypto_api.receivables.documents import PaymentRequest, Receipt, ReceivingKey, ReceivingSettings
from crypto_api.recurring.documents import Occurrence, RecurringPayment
from crypto_api.recurring_invoices.documents import RecurringInvoice
from crypto_api.saved_views.documents import SavedView
from crypto_api.statements.documents import FinancialReport
from crypto_api.tasks.documents import CacheClearing, DeadLetter, InstallationSchedule, OrganizationSchedule, Task
from crypto_api.tax.documents import TaxReport, TaxReportPart
from crypto_api.transactions.documents import Transaction
from crypto_api.wallets.documents import Wallet
from crypto_api.webhooks.documents import Webhook, WebhookDelivery
from mongodb_config.base_document import BaseDocument

DOCUMENTS: list[type[BaseDocument]] = [
    Organization,
    Membership,
    CustomRole,
    Invitation,
    Company,
    Employee,
    User,
    Session,
    OneTimeToken,
    Passkey,
    EthereumAccount,
    Attempts,
    KnownDevice,
    DueMail,
    SigningKey,
    AuditRecord,
    AuditSeal,
    AuditQueued,
    IdempotentRequest,
    Event,
    EventHead,
    ChainCursor,
    ChainBlock,
    ChainProvider,
    TokenContract,
    Wallet,
    Notification,
    NotificationChoices,
    NotificationCursor,
    Webhook,
    WebhookDelivery,
    ManualPrice,
    OraclePrice,
    NewsFeed,
    NewsItem,
    ProviderPrice,
    PriceGap,
    PriceAlert,
    Transaction,
    Counterparty,
    ClassificationRule,
    ClassificationRuleVersion,
    PersonDecision,
    Account,
    JournalEntry,
    AccountBalance,
    LotPolicy,
    LotState,
    LotCheckpoint,
    LotPool,
    LotPage,
    FinancialReport,
    TaxReport,
    TaxReportPart,
    LongReport,
    LongReportPart,
    ContractAudit,
    ContractAuditSource,
    ContractFinding,
    FindingSuppression,
    EntrySeal,
    AccountSum,
    LedgerGuard,
    LedgerPeriod,
    PeriodCertificate,
    SealAnchor,
    Payee,
    Client,
    Invoice,
    InvoicePayment,
    InvoiceDelivery,
    InvoiceLogo,
    RecurringInvoice,
    InvoiceCounter,
    InvoiceSettings,
    PayProfile,
    TaxTable,
    PayrollPeriod,
    Payslip,
    Payout,
    PayrollStep,
    StatementKey,
    ReceivingSettings,
    ReceivingKey,
    PaymentRequest,
    Receipt,
    RecurringPayment,
    Occurrence,
    OrganizationPolicy,
    Payment,
    NonceSlot,
    SenderLane,
    PaymentAttempt,
    Contract,
    ContractText,
    ContractVerification,
    Backfill,
    Checkpoint,
    InboxItem,
    SavedView,
    Task,
    DeadLetter,
    OrganizationSchedule,
    InstallationSchedule,
    CacheClearing,
]
