/**
 * The digest of the code that runs: SHA-256 over the sorted list of this package's files with their digests, tests left
 * out. Whoever has the same sources computes the same; evidence binds it.
 *
 * @module
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { sha256, toHex, utf8 } from '../../foundations/crypto/index.ts';

/** The folder that this module's package was loaded from: `src` in a checkout, `dist` in an installed package. */
const ownFolder = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Computes the digest of the code below a folder.
 * @param folder - the package's own code by default.
 */
export function computeCodeDigest(folder: string = ownFolder): Uint8Array {
  const lines = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(?:ts|js|mjs)$/.test(entry.name) && !/\.test\.|\.d\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ name: path.slice(folder.length).replaceAll('\\', '/').replace(/^\/+/, ''), path }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, path }) => `${name} ${toHex(sha256(readFileSync(path)))}`);
  return sha256(utf8(`sotto/code/1\n${lines.join('\n')}\n`));
}
