// Prints what a first visit loads, gzipped, and fails the build when it outgrows its budget.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const BUDGET_KIB = 150;
const dist = join(import.meta.dirname, "../dist");
// The page names its entry and, as preloads, everything the entry imports statically.
const page = readFileSync(join(dist, "index.html"), "utf8");

let total = 0;
for (const name of readdirSync(join(dist, "assets")).filter((name) => /\.(js|css)$/.test(name)).sort()) {
  const size = gzipSync(readFileSync(join(dist, "assets", name)), { level: 9 }).length / 1024;
  const first = page.includes(`/assets/${name}"`);
  if (first && name.endsWith(".js")) total += size;
  console.log(`${first ? "first" : "later"}  ${size.toFixed(1).padStart(6)} KiB gzip  ${name}`);
}
console.log(`JavaScript of a first visit: ${total.toFixed(1)} KiB gzip (budget ${BUDGET_KIB})`);
if (total > BUDGET_KIB) process.exitCode = 1;
