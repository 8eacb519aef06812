// Standard JSON on stdin, standard JSON on stdout: compiles with solc-js, with imports read from node_modules.
// Arguments: the directory that holds node_modules.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { createRequire } = require("node:module");

const packageRoot = path.resolve(process.argv[2]);
const solc = createRequire(path.join(packageRoot, "package.json"))("solc");
const modules = path.join(packageRoot, "node_modules");

function readImport(name) {
  const file = path.resolve(modules, name);
  if (!file.startsWith(modules + path.sep)) return { error: `import outside node_modules: ${name}` };
  try {
    return { contents: fs.readFileSync(file, "utf8") };
  } catch (error) {
    return { error: error.message };
  }
}

process.stdout.write(solc.compile(fs.readFileSync(0, "utf8"), { import: readImport }));
