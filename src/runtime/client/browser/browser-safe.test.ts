/** What a page's worker is made of: nothing that only Node has. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { parseSync } from 'vite';
import { expect, it } from 'vitest';

/** Every module reached from a file by imports that stay at run time, with who asks for it. */
function reach(entry: string): Map<string, string> {
  const found = new Map<string, string>([[entry, 'the worker']]);
  const open = [entry];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    const { module } = parseSync(file, readFileSync(file, 'utf8'));
    const imports = module.staticImports.filter(
      ({ entries }) => entries.length === 0 || entries.some(({ isType }) => !isType),
    );
    const again = module.staticExports.flatMap(({ entries }) =>
      entries.flatMap(({ moduleRequest, isType }) => (moduleRequest === null || isType ? [] : [moduleRequest.value])),
    );
    for (const specifier of [...imports.map(({ moduleRequest }) => moduleRequest.value), ...again]) {
      const target = specifier.startsWith('.') ? resolve(dirname(file), specifier) : specifier;
      if (found.has(target)) continue;
      found.set(target, file);
      if (specifier.startsWith('.') && target.endsWith('.ts')) open.push(target);
    }
  }
  return found;
}

it.each([
  ['a page’s worker', 'participant-worker.ts'],
  ['the library as a page, a web worker or a sandboxed window of Electron imports it', '../index.ts'],
])('%s imports nothing of Node’s, nor what reads a disk', (_what, entry) => {
  const reached = reach(fileURLToPath(new URL(entry, import.meta.url)));
  expect(reached.size).toBeGreaterThan(50);
  const foreign = [...reached].filter(([target]) => /^node:|^hyparquet|^pg$|^kysely|^pino/.test(target));
  expect(foreign).toEqual([]);
});
