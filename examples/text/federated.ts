/**
 * The federated form: the same mails, hashed to public places and written as bytes, held by three hundred owners; the
 * whole protocol runs, with masks and shares of noise. There is no vocabulary here: hashing costs nothing.
 *
 * @module
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { encodingWidth, type TextEncoding } from 'sotto/data';

import { datasetOf, type Mail, MAX_CHARACTERS } from './mails.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const PLACES = 1024;

/** Every place has a number of its own and no sign, so that bytes can hold them. */
const HASHED: TextEncoding = {
  kind: 'text',
  maxCharacters: MAX_CHARACTERS,
  places: PLACES,
  vocabulary: Array.from({ length: PLACES }, (_, i) => i),
  weights: Array.from({ length: PLACES }, () => 1),
  rest: 0,
  pairWeight: 0.3,
  shape: true,
  constant: 0.3,
  redact: true,
};

/** Writes one IDX file of unsigned bytes. */
function writeIdx(path: string, shape: readonly number[], data: Uint8Array): void {
  const header = new DataView(new ArrayBuffer(4 + 4 * shape.length));
  header.setUint32(0, 0x0800 + shape.length);
  shape.forEach((extent, i) => header.setUint32(4 + 4 * i, extent));
  writeFileSync(path, Buffer.concat([new Uint8Array(header.buffer), data]));
}

/** Writes mails as the four files of an IDX data set, each mail a picture of one line. */
function writeMailboxes(folder: string, parts: { train: readonly Mail[]; test: readonly Mail[] }): void {
  mkdirSync(folder, { recursive: true });
  const width = encodingWidth(HASHED);
  for (const [part, name] of [
    ['train', 'train'],
    ['test', 't10k'],
  ] as const) {
    const { inputs, labels, size } = datasetOf(parts[part], HASHED);
    const pixels = Uint8Array.from(inputs, (value) => Math.round(255 * Math.min(1, value)));
    writeIdx(join(folder, `${name}-images-idx3-ubyte`), [size, 1, width], pixels);
    writeIdx(join(folder, `${name}-labels-idx1-ubyte`), [size], Uint8Array.from(labels));
  }
}

/** Runs the federation, and says where its folder is. */
export function runFederated(
  parts: { train: readonly Mail[]; test: readonly Mail[] },
  out: string,
): { run: string; accuracy: number } {
  const data = join(out, 'mailboxes');
  writeMailboxes(data, parts);
  const run = join(out, 'federated');
  const args = ['run', join(root, 'examples/text/mailboxes.yaml'), '--data', data, '--out', run, '--no-page'];
  console.log(`$ sotto ${args.join(' ')}`);
  const { status } = spawnSync(process.execPath, [join(root, 'src/cli/main.ts'), ...args], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`sotto run ended with ${status}`);
  writeFileSync(join(run, 'encoding.json'), `${JSON.stringify({ classes: ['ham', 'spam'], encoding: HASHED })}\n`);
  const { accuracy } = JSON.parse(readFileSync(join(run, 'summary.json'), 'utf8')) as { accuracy: number };
  return { run, accuracy };
}
