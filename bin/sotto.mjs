#!/usr/bin/env node
// Starts the command line. Written in syntax an old Node reads, so that a checkout with only Node 20 still works:
// there the pinned Node of the dev dependencies runs the program instead.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
const source = new URL('../src/cli/main.ts', import.meta.url);
const main = existsSync(source) ? source : new URL('../dist/cli/main.js', import.meta.url);

if (major > 22 || (major === 22 && minor >= 18)) {
  // What was compiled once is not compiled again, in workers neither: a start takes half of the time. The cache stands
  // beside the packages and not in the common temporary folder, where others could write; where it cannot, it is left out.
  const cache = fileURLToPath(new URL('../node_modules/.cache/sotto', import.meta.url));
  if (source === main && process.env.NODE_COMPILE_CACHE === undefined) {
    nodeModule.enableCompileCache(cache);
    process.env.NODE_COMPILE_CACHE = cache;
  }
  await import(main.href);
} else {
  const pinned = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
  if (!existsSync(pinned)) {
    console.error(
      `sotto needs Node 22.18 or newer, this is ${process.version}: install a newer Node, or run "npm ci" in a checkout, which brings its own.`,
    );
    process.exit(70);
  }
  const child = spawn(pinned, [fileURLToPath(main), ...process.argv.slice(2)], { stdio: 'inherit' });
  // The terminal signals both processes; the launcher stays until its child has written what it must.
  process.on('SIGINT', () => {});
  for (const name of ['SIGTERM', 'SIGHUP']) process.on(name, () => child.kill(name));
  child.on('exit', (code, signal) => process.exit(signal ? 130 : code));
}
