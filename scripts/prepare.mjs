// After `npm ci` in a checkout, and whenever its packages change: builds the pages and compiles what the command line is made of, so that the first start is
// as quick as the second. A courtesy: what cannot be done here is done when it is first needed, and no installation fails
// by it. Written in syntax an old Node reads.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
const root = fileURLToPath(new URL('..', import.meta.url));
const isCheckout = existsSync(new URL('../src/cli/main.ts', import.meta.url));

function run(...args) {
  return new Promise((resolve) => {
    spawn(process.execPath, args, { cwd: root, stdio: 'ignore' }).on('error', resolve).on('close', resolve);
  });
}

if (isCheckout && (major > 22 || (major === 22 && minor >= 18))) {
  await Promise.all([run('scripts/build-apps.ts'), run('bin/sotto.mjs', '--help')]);
}
