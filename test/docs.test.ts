/** Every fenced `ts` block of the README and the docs runs as it stands; links lead somewhere and citations resolve. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
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

describe('references', () => {
  const list = [...readFileSync(join(root, 'docs/REFERENCES.md'), 'utf8').matchAll(/^- \*\*\[([^\]]+)\]/gm)].map(
    ([, key]) => key ?? '',
  );
  const known = new Set(list);

  it('name each source once', () => {
    expect(list.length).toBe(known.size);
  });

  it('have an entry for every key that is cited', () => {
    const texts = ['src', 'bench', 'docs', 'apps'].flatMap((folder) =>
      existsSync(join(root, folder))
        ? readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
            .filter((path) => /\.(ts|tsx|md)$/.test(path) && !/(^|\/)(node_modules|dist)\//.test(path))
            .map((path) => join(folder, path))
        : [],
    );
    // Letters of the authors and two digits of the year.
    const missing = texts.flatMap((path) =>
      [...readFileSync(join(root, path), 'utf8').matchAll(/\[([A-Z][A-Za-z+]{1,20}\d{2}[a-z]?)\]/g)]
        .filter(([, key]) => !known.has(key ?? ''))
        .map(([, key]) => `${path}: [${key}]`),
    );
    expect(missing).toEqual([]);
  });
});

describe('links between pages', () => {
  it('lead to files that are there', () => {
    const pagesWithRoot = [
      ...pages,
      ...readdirSync(root).filter((name) => name.endsWith('.md') && !pages.includes(name)),
    ];
    const broken = pagesWithRoot.flatMap((page) =>
      [...readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!https?:|mailto:|#)([^)\s#]+)/g)]
        .filter(([, target]) => !existsSync(join(root, dirname(page), decodeURIComponent(target ?? ''))))
        .map(([, target]) => `${page}: ${target}`),
    );
    expect(broken).toEqual([]);
  });
});
