/** A fit leaves a run that verifies from its log alone, and every change to it is found. */
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { derivePlan } from '../../src/cli/derive-plan.ts';
import { folderFiles } from '../../src/cli/run-files.ts';
import { decodeClassicalModel } from '../../src/learning/classical/index.ts';
import { createRunFolder } from '../../src/runtime/storage/index.ts';
import { type FitSummary, fitTable } from '../../src/runtime/training/index.ts';
import { createPrivacyCard, formatCardPage } from '../../src/trust/card/index.ts';
import { auditRun, readRun } from '../../src/trust/log/index.ts';

let base: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'sotto-fit-'));
  const lines = Array.from({ length: 300 }, (_, i) => `${i % 100},${i % 7},${i % 100 < 50 ? 'no' : 'yes'}`);
  writeFileSync(join(base, 'table.csv'), `age,id,label\n${lines.join('\n')}\n`);
  // Public rows say nothing of persons.
  const open = lines.slice(0, 200).map((line) => line.replace(/,\d+,/, ','));
  writeFileSync(join(base, 'public.csv'), `age,label\n${open.join('\n')}\n`);
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

const recipe = {
  fit: 'ages',
  model: { kind: 'naive-bayes' },
  features: { age: { lower: 0, upper: 100 } },
  target: { label: { values: ['no', 'yes'] } },
  privacy: { epsilon: 2, delta: 1e-6, account: { ledger: 'table.ledger.jsonl', dataset: 'table', epsilon: 2.5 } },
};

async function fit(name: string, own: object = {}): Promise<{ summary: FitSummary; path: string }> {
  const recipePath = join(base, `${name}.yaml`);
  writeFileSync(recipePath, stringify({ ...recipe, ...own }));
  const path = join(base, name);
  const [dataPath, testPath] = [join(base, 'table.csv'), join(base, 'public.csv')];
  return {
    summary: await fitTable({ recipePath, dataPath, testPath, folder: () => createRunFolder(path) }),
    path,
  };
}
const audit = (path: string) => auditRun(folderFiles(path), { derivePlan });

describe('the run of a fit', () => {
  let run: { summary: FitSummary; path: string };
  beforeAll(async () => {
    run = await fit('first');
  });

  it('verifies, with the epsilon of its summary, its model and its card', async () => {
    const { summary, path } = run;
    const report = await audit(path);
    expect(report.problems).toEqual([]);
    expect(report).toMatchObject({ ok: true, epsilon: summary.epsilon, delta: 1e-6, isPrivate: true, rounds: 1 });
    expect(report.covered).toEqual(
      expect.arrayContaining(['model.safetensors', 'summary.json', 'ledger.jsonl', 'task.resolved.yaml']),
    );
    expect(summary.epsilon).toBeLessThanOrEqual(2);
    expect(summary.epsilon).toBeGreaterThan(1.99);
    expect(summary.score).toMatchObject({ measure: 'accuracy', rows: 200 });
    expect(summary.account).toMatchObject({ dataset: 'table', epsilon: 2.5 });
    const fitted = decodeClassicalModel(new Uint8Array(readFileSync(join(path, 'model.safetensors'))));
    expect(fitted.promise).toMatchObject({ epsilon: 2, privacyUnit: 'example', maxRows: 1 });
    const card = createPrivacyCard(await readRun(folderFiles(path), { derivePlan }), {});
    expect(card.guarantee).toMatchObject({ epsilon: summary.epsilon, relation: 'add-or-remove-one', clipNorm: null });
    expect(formatCardPage(card)).not.toMatch(/gradient|clip norm|null/i);
  });

  it.each(['model.safetensors', 'summary.json', 'ledger.jsonl', 'task.resolved.yaml'])(
    'is found out when %s changes',
    async (name) => {
      const file = join(run.path, name);
      const before = readFileSync(file);
      const after = Buffer.from(before);
      const at = Math.floor(after.length / 2);
      after[at] = (after[at] as number) ^ 1;
      writeFileSync(file, after);
      expect((await audit(run.path)).ok).toBe(false);
      writeFileSync(file, before);
      expect((await audit(run.path)).ok).toBe(true);
    },
  );

  it('is refused where the account of its table is spent, and reads no row', async () => {
    await expect(fit('second')).rejects.toMatchObject({ code: 'accounting/budget-exceeded' });
    expect(existsSync(join(base, 'second'))).toBe(false);
  });

  it('gives back what it charged to an account where its folder cannot be made', async () => {
    const own = { ...recipe.privacy.account, ledger: 'other.ledger.jsonl' };
    const privacy = { ...recipe.privacy, account: own };
    const recipePath = join(base, 'other.yaml');
    writeFileSync(recipePath, stringify({ ...recipe, privacy }));
    const dataPath = join(base, 'table.csv');
    const again = () => fitTable({ recipePath, dataPath, folder: () => createRunFolder(run.path) });
    await expect(again()).rejects.toMatchObject({ code: 'storage/exists' });
    const records = readFileSync(join(base, 'other.ledger.jsonl'), 'utf8');
    expect(records).toMatch(/"dataTouched":false/);
    await expect(again()).rejects.toMatchObject({ code: 'storage/exists' });
  });

  it('hides a person with her rows where the recipe names one', async () => {
    const { summary, path } = await fit('people', {
      person: { column: 'id', maxRows: 3 },
      privacy: { epsilon: 1, delta: 1e-6 },
    });
    expect(summary).toMatchObject({ privacyUnit: 'client', maxRows: 3, account: null });
    expect((await audit(path)).ok).toBe(true);
    const page = formatCardPage(createPrivacyCard(await readRun(folderFiles(path), { derivePlan }), {}));
    expect(page).toMatch(/what is read of one person is added or taken away/);
    expect(page).not.toMatch(/everything that one participant holds|only by group privacy/);
  });

  it('keeps its charge when the table turns out to be malformed', async () => {
    const dataPath = join(base, 'broken.csv');
    writeFileSync(dataPath, 'age,label\n1,no\n2\n');
    const recipePath = join(base, 'broken.yaml');
    writeFileSync(recipePath, stringify({ ...recipe, privacy: { epsilon: 1, delta: 1e-6 } }));
    const path = join(base, 'broken');
    await expect(fitTable({ recipePath, dataPath, folder: () => createRunFolder(path) })).rejects.toThrow(
      /line 3.*what was charged stands/,
    );
    expect(readFileSync(join(path, 'ledger.jsonl'), 'utf8')).toMatch(/"dataTouched":true/);
  });

  it('is not measured on the table itself, whatever it is called, and nothing is charged or made', async () => {
    const recipePath = join(base, 'itself.yaml');
    const account = { ...recipe.privacy.account, ledger: 'itself.ledger.jsonl' };
    writeFileSync(recipePath, stringify({ ...recipe, privacy: { ...recipe.privacy, account } }));
    const dataPath = join(base, 'table.csv');
    symlinkSync(dataPath, join(base, 'holdout.csv'));
    for (const name of ['table.csv', 'holdout.csv']) {
      const itself = fitTable({
        recipePath,
        dataPath,
        testPath: join(base, name),
        folder: () => createRunFolder(join(base, 'itself')),
      });
      await expect(itself).rejects.toMatchObject({ code: 'classical/public-rows' });
    }
    expect(existsSync(join(base, 'itself'))).toBe(false);
    expect(existsSync(join(base, 'itself.ledger.jsonl'))).toBe(false);
  });

  it('finds public rows that are none before anything is charged', async () => {
    const recipePath = join(base, 'tested.yaml');
    writeFileSync(recipePath, stringify({ ...recipe, privacy: { epsilon: 1, delta: 1e-6 } }));
    const testPath = join(base, 'torn.csv');
    writeFileSync(testPath, 'age,label\n1,no\n2\n');
    const path = join(base, 'tested');
    const torn = fitTable({
      recipePath,
      dataPath: join(base, 'table.csv'),
      testPath,
      folder: () => createRunFolder(path),
    });
    await expect(torn).rejects.toThrow(/torn\.csv, line 3.*nothing was charged/);
    expect(existsSync(path)).toBe(false);
  });

  it('says which column a table lacks, before anything is charged or made', async () => {
    await expect(fit('lacking', { features: { height: { lower: 0, upper: 3 } } })).rejects.toThrow(
      /no column "height"/,
    );
    expect(existsSync(join(base, 'lacking'))).toBe(false);
  });
});
