/** Every fenced `ts` block of the README and the docs runs as it stands. */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const scratch = join(root, '.docs-check');

const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join('docs', path)),
];
const blocks = pages.flatMap((page) =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((match, i) => ({
    name: `${page} #${i + 1}`,
    file: `${page.replaceAll(/[^a-z0-9]+/gi, '-')}-${i + 1}.ts`,
    code: match[1] ?? '',
  })),
);

beforeAll(() => mkdirSync(scratch, { recursive: true }));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('the documentation', () => {
  it('shows code', () => {
    expect(blocks.length).toBeGreaterThan(0);
  });

  it.each(blocks)('$name runs', async ({ file, code }) => {
    const path = join(scratch, file);
    writeFileSync(path, code);
    const { stderr } = await promisify(execFile)(process.execPath, ['--conditions=source', path], { cwd: root });
    expect(stderr).not.toMatch(/Error/);
  });
});
