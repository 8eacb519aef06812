// Compiles one standard JSON input with one solc-js: `node solc_driver.js SOLC_FOLDER INPUT_FILE OUTPUT_FILE`. Files instead of pipes: solc-js
// and pipes cut at 64 KiB. Whatever the sources want to import must stand among them: there is no other way to a file.
"use strict";

const fs = require("node:fs");

const [folder, input, output] = process.argv.slice(2);
const solc = require(folder);
const refuse = (path) => ({ error: `not among the sources: ${path}` });
const given = fs.readFileSync(input, "utf8");
const old = require(`${folder}/package.json`).version.startsWith("0.4."); // there `compile` means something else
fs.writeFileSync(output, old ? solc.compileStandardWrapper(given, refuse) : solc.compile(given, { import: refuse }));
