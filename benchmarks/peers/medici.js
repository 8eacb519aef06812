// Medici posts the entries of a file: node medici.js URI DATABASE MODE WAY FILE SERVER, run where `node_modules` holds medici and mongoose. An entry is [place, amount]:
// a debit of `Assets:Cash:place`, a credit of `Income:Sales:place`. MODE: `alone` one after another, `at-once` sixteen at once, `import` fifty in one
// transaction, since medici has no import (of five hundred, the embedded server let none come to its end). WAY `in a transaction` gives each commit a
// session, as its documentation asks of whoever wants all or nothing. Prints one JSON object: seconds of posting,
// without connecting, what was computed meanwhile by it and by the database server (its process is SERVER), and what each account holds by its own lines.
const [uri, database, mode, way, file, server] = process.argv.slice(2);
const AT_ONCE = { alone: 1, 'at-once': 16, import: 1 };
const BATCH = 50;
const WARMING = 20;
const TICKS_A_SECOND = 100; // of proc(5)
const fs = require('fs');
const load = (name) => require(require.resolve(name, { paths: [process.cwd()] }));
const mongoose = load('mongoose');
const { Book, initModels, mongoTransaction } = load('medici');

const post = (book, [place, amount], options) =>
  book.entry('sale').debit(`Assets:Cash:${place}`, amount).credit(`Income:Sales:${place}`, amount).commit(options);

function computed() {
  const own = process.cpuUsage();
  const [user, system] = fs.readFileSync(`/proc/${server}/stat`, 'utf8').split(')').pop().trim().split(' ').slice(11, 13).map(Number);
  return (own.user + own.system) / 1e6 + (user + system) / TICKS_A_SECOND;
}

async function postAll(book, entries) {
  if (mode === 'import') {
    for (let from = 0; from < entries.length; from += BATCH) {
      await mongoTransaction(async (session) => {
        for (const entry of entries.slice(from, from + BATCH)) await post(book, entry, { session });
      });
    }
    return;
  }
  let next = 0;
  const alone = way === 'in a transaction' ? (entry) => mongoTransaction((session) => post(book, entry, { session })) : (entry) => post(book, entry);
  const lane = async () => { while (next < entries.length) await alone(entries[next++]); };
  await Promise.all(Array.from({ length: AT_ONCE[mode] }, lane));
}

(async () => {
  await mongoose.connect(uri, { dbName: database });
  await initModels();
  const warming = new Book('Warming');
  for (let i = 0; i < WARMING; i++) await post(warming, [i, 1]);
  const entries = JSON.parse(fs.readFileSync(file, 'utf8'));
  const [before, started] = [computed(), performance.now()];
  await postAll(new Book('Sales'), entries);
  const seconds = (performance.now() - started) / 1000;
  const cpu = computed() - before;
  const lines = await mongoose.connection.db.collection('medici_transactions').aggregate([
    { $match: { book: 'Sales' } },
    { $group: { _id: '$accounts', debit: { $sum: '$debit' }, credit: { $sum: '$credit' } } },
  ]).toArray();
  const held = Object.fromEntries(lines.map((line) => [line._id, line.debit - line.credit]));
  process.stdout.write(JSON.stringify({ seconds, cpu, held }));
  await mongoose.disconnect();
})().catch((error) => { process.stderr.write(`${error}\n`); process.exit(1); });
