// node lint.mjs openapi.json: says where the document breaks the rules of redocly.yaml, and ends with 1 if it does anywhere.
import { fileURLToPath } from "node:url";
import { lint, loadConfig } from "@redocly/openapi-core";

const config = await loadConfig({ configPath: fileURLToPath(new URL("redocly.yaml", import.meta.url)) });
const problems = await lint({ ref: process.argv[2], config });
for (const { severity, ruleId, message, location } of problems) {
  console.log(`${severity} ${ruleId} at ${location[0].pointer}: ${message.replace(/\s+/g, " ")}`);
}
console.log(`${problems.length} problems`);
process.exitCode = problems.length ? 1 : 0;
