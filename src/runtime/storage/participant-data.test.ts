import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, it } from 'vitest';

import { readParticipantData } from './participant-data.ts';

const folder = mkdtempSync(join(tmpdir(), 'sotto-texts-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('takes the folder of a text for its class, also where the file’s name begins with a number', async () => {
  for (const name of ['ham', 'spam']) {
    mkdirSync(join(folder, name));
    for (const i of [0, 1, 10]) writeFileSync(join(folder, name, `${i}.txt`), `${name} number ${i}`);
  }
  const wanted = { inputShape: [16], outputs: 2, classifies: true, tokens: null };
  const { labels } = await readParticipantData(folder, { wanted });
  expect(Array.from(labels)).toEqual([0, 0, 0, 1, 1, 1]);
});
