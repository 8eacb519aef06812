// Makes the role and the user by which the processes of Coffer work: they read and write, but nothing that is written into the audit log
// can be altered or taken away by them. Repeating it brings an older role up to date.
//
//   APP_PASSWORD=… mongosh --host mongo1:27017 --username admin --file roles.js          (MONGODB_DATABASE=coffer APP_USER=coffer)
//
// Run it as a user administrator, after `manage.py migrate_database` of each release. The deploy step itself needs more (collections,
// validators and indexes): run it with a MONGODB_URI of its own, of a user with `readWrite` on the database and `clusterMonitor`, and
// give that one to no process. Without APP_PASSWORD only the role is made.

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

const admin = db.getSiblingDB('admin');
if (admin.getRole('cofferApp')) {
  admin.updateRole('cofferApp', { privileges, roles });
  print('role cofferApp is up to date');
} else {
  admin.createRole({ role: 'cofferApp', privileges, roles });
  print('role cofferApp made');
}

if (process.env.APP_PASSWORD) {
  const granted = [{ role: 'cofferApp', db: 'admin' }];
  if (admin.getUser(user)) {
    admin.updateUser(user, { pwd: process.env.APP_PASSWORD, roles: granted });
    print(`user ${user} has this role and no other`);
  } else {
    admin.createUser({ user, pwd: process.env.APP_PASSWORD, roles: granted });
    print(`user ${user} made`);
  }
}
