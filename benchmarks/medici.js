// Medici on the same server: node medici.js URI FOLDER IMPORTED [imports-only], where FOLDER holds node_modules with medici@7 and mongoose. Prints one
// JSON object. Medici has no import: its commits share a transaction of 50 (of 500, the embedded server let none come to its end), for a minute and a half
// at most, and the rate is that of what was committed.
const [uri, folder, imported, only] = process.argv.slice(2);
const BATCH = 50;
const LONGEST_S = 90;
const load = (name) => require(require.resolve(name, { paths: [folder] }));
const mongoose = load('mongoose');
const { Book, initModels, mongoTransaction } = load('medici');

const perSecond = async (work, count, atOnce) => {
  let left = count;
  const started = performance.now();
  await Promise.all([...Array(atOnce)].map(async () => { while (left-- > 0) await work(); }));
  return count / ((performance.now() - started) / 1000);
};

(async () => {
  await mongoose.connect(uri, { dbName: 'bench_medici' });
  await mongoose.connection.db.dropDatabase();
  await initModels();
  const book = new Book('Bench');
  let made = 0;
  const post = (account) => book.entry(`e${made++}`).debit(`Assets:Cash:${account ?? made % 100}`, 100).credit('Income:Sales', 100).commit();
  for (let i = 0; i < 50; i++) await post();
  const found = {};
  if (!only) {
    found.lone = await perSecond(() => post(), 200, 1);
    found['16_at_once'] = await perSecond(() => post(), 800, 16);
    found['16_at_once_on_one_account'] = await perSecond(() => post(0), 800, 16);
  }
  const batch = () => mongoTransaction(async (session) => {
    for (let i = 0; i < BATCH; i++) {
      await book.entry(`i${made++}`).debit(`Assets:Cash:${made % 100}`, 100).credit('Income:Sales', 100).commit({ session });
    }
  });
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  let brought = 0;
  while (brought < Number(imported) && seconds() < LONGEST_S) {
    await batch();
    brought += BATCH;
  }
  found.imported = brought;
  found.import_of_50 = brought / seconds();
  const times = [];
  for (let i = 0; i < 5; i++) { const t = performance.now(); await book.balance({ account: 'Income:Sales' }); times.push(performance.now() - t); }
  times.sort((a, b) => a - b);
  process.stdout.write(JSON.stringify({ ...found, entries: made, balance_ms: times[2] }));
  await mongoose.connection.db.dropDatabase();
  await mongoose.disconnect();
})().catch((error) => { process.stderr.write(`${error}\n`); process.exit(1); });
