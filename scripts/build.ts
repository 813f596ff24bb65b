/**
 * Builds `dist`: compiles `src`, then points the worker URLs, which the compiler leaves alone, at the compiled files.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
rmSync(dist, { recursive: true, force: true });
execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});

const workerUrl = /new URL\((\/\* @vite-ignore \*\/ )?'(\.{1,2}\/[^']+)\.ts', import\.meta\.url\)/g;
let left = 0;
for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.js')) continue;
  const path = join(dist, name);
  const text = readFileSync(path, 'utf8');
  const patched = text.replaceAll(workerUrl, "new URL($1'$2.js', import.meta.url)");
  if (patched !== text) writeFileSync(path, patched);
  if (/new URL\([^)]*\.ts'/.test(patched)) {
    left += 1;
    console.error(`${name} still starts a .ts file`);
  }
}
process.exit(left > 0 ? 1 : 0);
