// Spreads the organisations over shards, for an installation that one replica set no longer holds.
//
//   mongosh --host mongos:27017 --file shard.js          (MONGODB_DATABASE=coffer)
//
// Run it once through a mongos, after `manage.py migrate_database` and before the data grows. Repeating it changes nothing.
//
// The key of every collection of an organisation is { org_id: 'hashed' }:
//   - all rows of an organisation are on one shard, so that its units of work stay transactions of one shard, and every query of a
//     person, which has org_id in its filter, is answered by one shard;
//   - every unique index begins with org_id, which a sharded collection requires of it; a longer key would forbid those indexes;
//   - natural `_id` keys hold the organisation's id, so that one `_id` can only ever be on one shard;
//   - hashing spreads organisations evenly, although their ids grow with time.
// What it costs: an organisation cannot be larger than a shard, and what the followers and the relay read across organisations
// (by network, by `pending`) asks all shards.
//
// Left whole on the primary shard, because they belong to no organisation and are small: organizations, users, sessions,
// one_time_tokens, chain_cursors, chain_blocks, chain_providers, token_contracts, oracle_prices, news_feeds, news_items, leases,
// schema_state. A block that is stored with the transactions of several organisations is one transaction over several shards: slower, as safe.
//
// nonce_slots and sender_lanes are left whole too: a nonce belongs to an address on its chain, whoever holds a key to it, so that it
// must be unique over all organisations. A payment that takes its nonce is one transaction over two shards.

const name = process.env.MONGODB_DATABASE || 'coffer';
const collections = [
  'account_balances',
  'account_sums',
  'accounts',
  'audit_queue',
  'audit_records',
  'audit_seals',
  'backfills',
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
  'employees',
  'entry_seals',
  'event_heads',
  'events',
  'financial_reports',
  'finding_suppressions',
  'idempotent_requests',
  'inbox_items',
  'invitations',
  'invoice_counters',
  'invoice_deliveries',
  'invoice_logos',
  'invoice_payments',
  'invoice_settings',
  'invoices',
  'journal_entries',
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
  'notification_choices',
  'notification_cursors',
  'notifications',
  'organization_schedules',
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
  'period_certificates',
  'person_decisions',
  'price_alerts',
  'price_gaps',
  'receipts',
  'receiving_keys',
  'receiving_settings',
  'recurring_invoices',
  'recurring_occurrences',
  'recurring_payments',
  'saved_views',
  'seal_anchors',
  'statement_keys',
  'tasks',
  'tax_report_parts',
  'tax_reports',
  'tax_tables',
  'transactions',
  'wallets',
  'webhook_deliveries',
  'webhooks',
];

if (db.hello().msg !== 'isdbgrid') throw new Error('this is no mongos: sharding is set up through one');

sh.enableSharding(name);
for (const collection of collections) {
  const namespace = `${name}.${collection}`;
  db.getSiblingDB(name)[collection].createIndex({ org_id: 'hashed' }, { name: 'shard_key' });
  sh.shardCollection(namespace, { org_id: 'hashed' });
  print(`${namespace} is spread by organisation`);
}
