/** A thousand single-byte changes of a run folder, and a thousand of a package: each found, or in a file that is listed as not covered. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { folderFiles } from '../../src/cli/run-files.ts';
import { derivePlan } from '../../src/cli/derive-plan.ts';
import { auditRun, type DerivedPlan } from '../../src/trust/log/index.ts';
import { makeSmallRun } from './small-run.ts';
import { changePackage, changeRun } from './tamper.ts';

let base: string;
const files = new Map<string, Uint8Array>();
beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'sotto-tamper-'));
  const folder = folderFiles(await makeSmallRun(base));
  for (const name of (await folder.list()) ?? []) files.set(name, (await folder.read(name)) as Uint8Array);
}, 60_000);
afterAll(() => rmSync(base, { recursive: true, force: true }));

it('finds a thousand changes of a run folder', async () => {
  // The plan of the unchanged task is derived once; a changed task is told by its digest before any plan is derived.
  let plan: DerivedPlan | undefined;
  const missed = await changeRun(
    files,
    (changed) =>
      auditRun(
        {
          list: () => Promise.resolve([...files.keys()]),
          read: (name) => Promise.resolve(changed.get(name) ?? files.get(name)),
        },
        { derivePlan: (text, shape) => (plan ??= derivePlan(text, shape)) },
      ),
    1000,
  );
  expect(missed).toEqual([]);
});

it('finds a thousand changes of a package', async () => {
  const { whole, missed } = await changePackage(files, 1000);
  expect([whole.ok, missed]).toEqual([true, []]);
});
