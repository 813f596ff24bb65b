/** What is published: every room's door is exported, and nothing else is shipped. */
import { readdirSync, readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { computeExports } from '../scripts/exports.ts';

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  exports: unknown;
  files: readonly string[];
  allowScripts: Record<string, boolean>;
  scripts: Record<string, string>;
  peerDependenciesMeta: Record<string, unknown>;
};
const lock = readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8');

describe('the package', () => {
  it('exports every room by its name ("node scripts/exports.ts --write" brings the list up to date)', () => {
    expect(manifest.exports).toEqual(computeExports());
  });

  it('ships neither sources nor tests, and allows one install script', () => {
    expect(manifest.files).toEqual(['bin', 'dist', 'LICENSE', 'README.md']);
    expect(Object.keys(manifest.allowScripts).filter((name) => manifest.allowScripts[name])).toEqual(['node']);
  });

  it('has no script that an installation elsewhere would run or warn of, nor one that only one shell reads', () => {
    const atInstallation = [
      'preinstall',
      'install',
      'postinstall',
      'prepublish',
      'preprepare',
      'prepare',
      'postprepare',
    ];
    expect(Object.keys(manifest.scripts).filter((name) => atInstallation.includes(name))).toEqual([]);
    expect(Object.values(manifest.scripts).filter((script) => /^\w+=|\$|[<>;]/.test(script))).toEqual([]);
  });

  it('has bundlers pass over the optional packages that a page may lack: their imports are seen to be caught', () => {
    const optional = Object.keys(manifest.peerDependenciesMeta);
    const src = new URL('../src/', import.meta.url);
    // What runs in Node alone is not bundled for pages.
    const sources = readdirSync(src, { recursive: true, encoding: 'utf8' })
      .map((path) => path.replaceAll('\\', '/'))
      .filter((path) => /(?<!\.test)\.ts$/.test(path) && !/^(cli|runtime\/(storage|drivers|coordinator))\//.test(path));
    let found = 0;
    for (const path of sources) {
      const text = readFileSync(new URL(path, src), 'utf8');
      for (const { 1: name = '', 0: all, index } of text.matchAll(/(?<!typeof )import\('([^'.][^']*)'\)/g)) {
        if (!optional.includes(name)) continue;
        found += 1;
        const isCaught = text.startsWith('.catch(', index + all.length) || /try \{\s+[^;]*$/.test(text.slice(0, index));
        expect(isCaught, `${path}: ${name}`).toBe(true);
      }
    }
    expect(found).toBeGreaterThan(0);
  });

  it('names no registry in its lock file', () => {
    expect(lock).not.toMatch(/"resolved": "https?:/);
  });
});
