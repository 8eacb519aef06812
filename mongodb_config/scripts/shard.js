// Spreads the organisations over shards, for an installation that one replica set no longer holds.
//
//   mongosh --host mongos:27017 --file shard.js          (MONGODB_DATABASE=coffer)
//
// Run it through a mongos, after `manage.py migrate_database` and before the data grows, and again when a shard was added: it then spreads anew, while
// everything runs. Otherwise repeating it changes nothing. What this carries, and what breaks first: docs/proof/growth.md.
//
// The key of every collection of an organisation is { org_id: 'hashed' }:
//   - every query of a person has org_id in its filter and is answered by one shard;
//   - every unique index begins with org_id, so that two rows that it forbids are always on one shard; of a longer key those indexes would have to begin
//     with all of it, and each of them would be another;
//   - natural `_id` keys hold the organisation's id (or are those of a row of it), so that one `_id` can only ever be on one shard;
//   - hashing spreads organisations evenly, although their ids grow with time.
// That alone puts the rows of one collection together. All collections of an organisation are on one shard because each shard is a zone that holds the
// same part of the hashes in every collection; without zones the balancer moves each collection for itself, and a unit of work, which writes several,
// would be a transaction over several shards.
// What it costs: an organisation cannot be larger than a shard, and what the followers and the relay read across organisations
// (by network, by `pending`) asks all shards. A block that is stored with the transactions of several organisations is one transaction over several
// shards, and so is a payment that takes its nonce: slower, as safe.

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

// Left whole on the primary shard, each with its reason: no row of theirs belongs to one organisation alone.
const whole = {
  attempts: 'of log-ins, by whoever tries',
  cache_clearings: 'of the installation',
  chain_blocks: 'headers of each network, no deeper than a reorganisation',
  chain_cursors: 'one of each network',
  chain_providers: 'one of each network',
  due_mails: 'letters to accounts, gone in days',
  ethereum_accounts: 'of people: an account is one for all organisations',
  installation_schedules: 'of the installation',
  known_devices: 'of people',
  news_feeds: 'of the installation',
  news_items: 'the same news for all',
  nonce_slots: 'a nonce belongs to an address on its chain, whoever holds a key to it: unique over all organisations',
  one_time_tokens: 'of people, gone in hours',
  oracle_prices: 'the same prices for all, by feed and block',
  organizations: 'the list of them',
  passkeys: 'of people',
  provider_prices: 'the same prices for all, by day',
  sender_lanes: 'as nonce_slots',
  sessions: 'of people, found by the hash of what they show',
  signing_keys: 'of the installation',
  token_contracts: 'facts of a chain',
  users: 'people are in several organisations; their names and addresses are unique over all',
};

if (db.hello().msg !== 'isdbgrid') throw new Error('this is no mongos: sharding is set up through one');

const shards = db.adminCommand({ listShards: 1 }).shards.map((shard) => shard._id).sort();
const LEAST = -(2n ** 63n);
const zoneOf = (shard) => `coffer-${shard}`;

// Of a hash, which is a signed number of 64 bits: where the part of that shard begins.
function bound(number) {
  if (number === 0) return MinKey();
  return number === shards.length ? MaxKey() : NumberLong(String(LEAST + (2n ** 64n * BigInt(number)) / BigInt(shards.length)));
}

// Whether every shard has its part of that collection already.
function isSpread(namespace) {
  const there = db.getSiblingDB('config').tags.find({ ns: namespace }).toArray();
  const zones = there.map((range) => range.tag).sort();
  return zones.length === shards.length && zones.every((zone, number) => zone === zoneOf(shards[number]));
}

function spread(namespace) {
  for (const range of db.getSiblingDB('config').tags.find({ ns: namespace }).toArray()) sh.removeRangeFromZone(namespace, range.min, range.max);
  shards.forEach((shard, number) => {
    sh.updateZoneKeyRange(namespace, { org_id: bound(number) }, { org_id: bound(number + 1) }, zoneOf(shard));
  });
}

sh.enableSharding(name);
for (const shard of shards) sh.addShardToZone(shard, zoneOf(shard));
sh.stopBalancer(); // while the parts change, so that nothing moves twice
try {
  for (const collection of collections) {
    const namespace = `${name}.${collection}`;
    db.getSiblingDB(name)[collection].createIndex({ org_id: 'hashed' }, { name: 'shard_key' });
    sh.shardCollection(namespace, { org_id: 'hashed' });
    if (!isSpread(namespace)) spread(namespace);
    print(`${namespace} is spread by organisation over ${shards.length} shards`);
  }
} finally {
  sh.startBalancer();
}
for (const [collection, why] of Object.entries(whole)) print(`${name}.${collection} stays whole: ${why}`);
