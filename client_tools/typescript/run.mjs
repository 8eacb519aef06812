// node run.mjs BASE_URL USERNAME PASSWORD: the journey of example.ts, once `tsc` has been over it.
import { journey } from "./example.js";

const [baseUrl, username, password] = process.argv.slice(2);
console.log(JSON.stringify(await journey(baseUrl, username, password)));
