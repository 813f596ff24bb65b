/**
 * Compiles the AssemblyScript kernels to WebAssembly and writes each as one exported base64 string, so that a kernel
 * needs no fetch, no asset plugin and no MIME type in Node, Vite or a worker. `-- --check` compares instead of writing.
 * Every file in `assembly/` that a module of the table below names becomes `src/foundations/kernels/<name>.wasm.ts`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const modules = ['keystream', 'linear', 'masks', 'noise', 'ring', 'scattering'];

const root = fileURLToPath(new URL('..', import.meta.url));
const check = process.argv.includes('--check');
const only = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const scratch = mkdtempSync(join(tmpdir(), 'sotto-kernels-'));
let stale = 0;

for (const name of only.length > 0 ? only : modules) {
  const source = `src/foundations/kernels/assembly/${name}.ts`;
  if (!existsSync(join(root, source))) continue;
  const binary = join(scratch, `${name}.wasm`);
  execFileSync(
    process.execPath,
    [
      'node_modules/assemblyscript/bin/asc.js',
      source,
      `--outFile=${binary}`,
      '--optimizeLevel=3',
      '--shrinkLevel=0',
      '--converge',
      '--noAssert',
      '--runtime=stub',
      '--enable=simd',
      '--importMemory',
    ],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const base64 = readFileSync(binary).toString('base64');
  const text = `// Built from assembly/${name}.ts by "npm run build:kernels"; do not edit.\nexport const ${name}Wasm =\n  '${base64}';\n`;
  const target = join(root, `src/foundations/kernels/${name}.wasm.ts`);
  const current = existsSync(target) ? readFileSync(target, 'utf8') : '';
  if (check) {
    if (current !== text) {
      stale += 1;
      console.error(`${target} does not match its source: run "npm run build:kernels"`);
    }
  } else if (current !== text) writeFileSync(target, text);
  console.log(`${name}: ${Math.round((base64.length * 3) / 4)} bytes`);
}
rmSync(scratch, { recursive: true });
process.exit(stale > 0 ? 1 : 0);
