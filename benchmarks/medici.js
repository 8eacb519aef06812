// Medici on the same server: node medici.js URI FOLDER, where FOLDER holds node_modules with medici@7 and mongoose. Prints one JSON object.
const [uri, folder] = process.argv.slice(2);
const load = (name) => require(require.resolve(name, { paths: [folder] }));
const mongoose = load('mongoose');
const { Book, initModels } = load('medici');

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
  const times = [];
  for (let i = 0; i < 5; i++) { const t = performance.now(); await book.balance({ account: 'Income:Sales' }); times.push(performance.now() - t); }
  times.sort((a, b) => a - b);
  process.stdout.write(JSON.stringify({ lone, '16_at_once': sixteen, '16_at_once_on_one_account': hot, entries: made, balance_ms: times[2] }));
  await mongoose.connection.db.dropDatabase();
  await mongoose.disconnect();
})().catch((error) => { process.stderr.write(`${error}\n`); process.exit(1); });
