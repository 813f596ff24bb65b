/**
 * The package's doors: `sotto` and one subpath a room. `--write` puts them into package.json; the package test compares.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Computes the export map from the rooms that have a door. */
export function computeExports(): Record<string, unknown> {
  const entry = (path: string): unknown => ({
    source: `./src/${path}.ts`,
    types: `./dist/${path}.d.ts`,
    default: `./dist/${path}.js`,
  });
  const doors = new Map<string, unknown>([['.', entry('index')]]);
  for (const wing of readdirSync(join(root, 'src'), { withFileTypes: true })) {
    if (!wing.isDirectory() || wing.name === 'cli') continue;
    // A wing that is one room.
    if (existsSync(join(root, 'src', wing.name, 'index.ts'))) doors.set(`./${wing.name}`, entry(`${wing.name}/index`));
    for (const room of readdirSync(join(root, 'src', wing.name), { withFileTypes: true })) {
      const path = `${wing.name}/${room.name}/index`;
      if (!room.isDirectory() || !existsSync(join(root, 'src', `${path}.ts`))) continue;
      if (doors.has(`./${room.name}`)) throw new Error(`two rooms are called ${room.name}: one would hide the other`);
      doors.set(`./${room.name}`, entry(path));
    }
  }
  const sorted = [...doors].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { ...Object.fromEntries(sorted), './package.json': './package.json' };
}

if (process.argv.includes('--write')) {
  const path = join(root, 'package.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  writeFileSync(path, `${JSON.stringify({ ...manifest, exports: computeExports() }, undefined, 2)}\n`);
}
