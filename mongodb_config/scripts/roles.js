// Makes the roles and the users by which the processes of Coffer work. API and workers (cofferApp) read and write, but nothing that is written into the
// audit log can be altered or taken away by them. The signer (cofferSigner) reads what a payment is signed by, and writes nothing. Repeating it
// brings older roles up to date.
//
//   APP_SUBJECT=CN=coffer,OU=processes,O=Coffer SIGNER_SUBJECT=… DEPLOY_SUBJECT=… mongosh … --file roles.js          (MONGODB_DATABASE=coffer)
//
// Each is known by its certificate (MONGODB-X509), whose subject is told here as RFC 2253 writes it. The deploy step needs more than the others
// (collections, validators and indexes): `readWrite` on the database and `clusterMonitor`. Where there are no certificates, APP_PASSWORD makes a user
// APP_USER (coffer) with the role of API and workers. Run it as a user administrator, with each release; without any of these only the roles are made.

const name = process.env.MONGODB_DATABASE || 'coffer';
const user = process.env.APP_USER || 'coffer';
const appendOnly = ['audit_records', 'audit_seals', 'entry_seals', 'period_certificates', 'seal_anchors'];
const readAndWritten = [
  'account_balances',
  'account_sums',
  'accounts',
  'attempts',
  'audit_queue',
  'backfills',
  'cache_clearings',
  'chain_blocks',
  'chain_cursors',
  'chain_providers',
  'checkpoints',
  'classification_rule_versions',
  'classification_rules',
  'clients',
  'companies',
  'contract_audit_sources',
  'contract_audits',
  'contract_findings',
  'contract_texts',
  'contract_verifications',
  'contracts',
  'counterparties',
  'custom_roles',
  'dead_letters',
  'due_mails',
  'employees',
  'ethereum_accounts',
  'event_heads',
  'events',
  'financial_reports',
  'finding_suppressions',
  'idempotent_requests',
  'inbox_items',
  'installation_schedules',
  'invitations',
  'invoice_counters',
  'invoice_deliveries',
  'invoice_logos',
  'invoice_payments',
  'invoice_settings',
  'invoices',
  'journal_entries',
  'known_devices',
  'leases',
  'ledger_guards',
  'ledger_periods',
  'long_report_parts',
  'long_reports',
  'lot_checkpoints',
  'lot_pages',
  'lot_policies',
  'lot_pools',
  'lot_states',
  'manual_prices',
  'memberships',
  'news_feeds',
  'news_items',
  'nonce_slots',
  'notification_choices',
  'notification_cursors',
  'notifications',
  'one_time_tokens',
  'oracle_prices',
  'organization_schedules',
  'organizations',
  'passkeys',
  'pay_profiles',
  'payees',
  'payment_attempts',
  'payment_policies',
  'payment_requests',
  'payments',
  'payouts',
  'payroll_periods',
  'payroll_steps',
  'payslips',
  'person_decisions',
  'price_alerts',
  'price_gaps',
  'process_presence',
  'provider_prices',
  'receipts',
  'receiving_keys',
  'receiving_settings',
  'recurring_invoices',
  'recurring_occurrences',
  'recurring_payments',
  'saved_views',
  'schema_state',
  'sender_lanes',
  'sessions',
  'signing_keys',
  'statement_keys',
  'tasks',
  'tax_report_parts',
  'tax_reports',
  'tax_tables',
  'token_contracts',
  'transactions',
  'users',
  'wallets',
  'webhook_deliveries',
  'webhooks',
];

const on = (collection, actions) => ({ resource: { db: name, collection }, actions });
const privileges = [
  ...readAndWritten.map((collection) => on(collection, ['find', 'insert', 'update', 'remove'])),
  ...appendOnly.map((collection) => on(collection, ['find', 'insert'])),
  on('', ['listCollections']),
];
const roles = [{ role: 'clusterMonitor', db: 'admin' }]; // the start-up probe reads the storage engine

// What the signer asks (tests/signer/test_signing.py compares), and whether it may begin on this database at all.
const readBySigner = [
  'custom_roles',
  'ethereum_accounts',
  'memberships',
  'nonce_slots',
  'organizations',
  'payees',
  'payment_attempts',
  'payment_policies',
  'payments',
  'restoring',
  'schema_state',
  'sender_lanes',
  'users',
  'wallets',
];
const privilegesOfSigner = [...readBySigner.map((collection) => on(collection, ['find'])), on('', ['listCollections'])];

const admin = db.getSiblingDB('admin');
const external = db.getSiblingDB('$external');

const roleOf = (role, privileges, roles) => {
  if (admin.getRole(role)) {
    admin.updateRole(role, { privileges, roles });
    print(`role ${role} is up to date`);
  } else {
    admin.createRole({ role, privileges, roles });
    print(`role ${role} made`);
  }
};

const userOf = (place, user, roles, secret = {}) => {
  if (place.getUser(user)) {
    place.updateUser(user, { ...secret, roles });
    print(`user ${user} has these roles and no other`);
  } else {
    place.createUser({ user, ...secret, roles });
    print(`user ${user} made`);
  }
};

roleOf('cofferApp', privileges, roles);
roleOf('cofferSigner', privilegesOfSigner, []);

const { APP_PASSWORD, APP_SUBJECT, SIGNER_SUBJECT, DEPLOY_SUBJECT } = process.env;
if (APP_PASSWORD) userOf(admin, user, [{ role: 'cofferApp', db: 'admin' }], { pwd: APP_PASSWORD });
if (APP_SUBJECT) userOf(external, APP_SUBJECT, [{ role: 'cofferApp', db: 'admin' }]);
if (SIGNER_SUBJECT) userOf(external, SIGNER_SUBJECT, [{ role: 'cofferSigner', db: 'admin' }]);
if (DEPLOY_SUBJECT) userOf(external, DEPLOY_SUBJECT, [{ role: 'readWrite', db: name }, { role: 'clusterMonitor', db: 'admin' }]);
