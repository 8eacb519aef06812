// Medici on the same server: node medici.js URI FOLDER IMPORTED, where FOLDER holds node_modules with medici@7 and mongoose. Prints one JSON object.
const [uri, folder, imported] = process.argv.slice(2);
const BATCH = 500; // entries in one transaction, as our import has it
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
  const lone = await perSecond(() => post(), 200, 1);
  const sixteen = await perSecond(() => post(), 800, 16);
  const hot = await perSecond(() => post(0), 800, 16);
  const batch = () => mongoTransaction(async (session) => {
    for (let i = 0; i < BATCH; i++) {
      await book.entry(`i${made++}`).debit(`Assets:Cash:${made % 100}`, 100).credit('Income:Sales', 100).commit({ session });
    }
  });
  const brought = BATCH * await perSecond(batch, Math.max(Math.floor(Number(imported) / BATCH), 2), 1);
  const times = [];
  for (let i = 0; i < 5; i++) { const t = performance.now(); await book.balance({ account: 'Income:Sales' }); times.push(performance.now() - t); }
  times.sort((a, b) => a - b);
  process.stdout.write(JSON.stringify({ lone, '16_at_once': sixteen, '16_at_once_on_one_account': hot, import_of_500: brought, entries: made, balance_ms: times[2] }));
  await mongoose.connection.db.dropDatabase();
  await mongoose.disconnect();
})().catch((error) => { process.stderr.write(`${error}\n`); process.exit(1); });
