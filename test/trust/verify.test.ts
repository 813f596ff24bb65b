/**
 * What is changed in a run is found and named; what a run says is what its log says; and the card and lineage say no more.
 */
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { folderFiles } from '../../src/cli/run-files.ts';
import { derivePlan } from '../../src/cli/derive-plan.ts';
import { createSigningKey } from '../../src/foundations/crypto/index.ts';
import { createLedger, createMemoryLedgerStore } from '../../src/privacy/accounting/index.ts';
import {
  createPrivacyCard,
  formatCardPage,
  formatHipaaSheet,
  formatImpactAssessment,
  formatNistSheet,
  formatProcessingRecord,
  formatRegistryRecord,
} from '../../src/trust/card/index.ts';
import { formatOpenLineage, formatProv, readLineage } from '../../src/trust/lineage/index.ts';
import {
  type AuditReport,
  auditRun,
  createNoteVerifier,
  type DerivedPlan,
  encodeLeaf,
  type LogLeaf,
  openLog,
  createMemoryTileStore,
  parseVerifierKey,
  readRun,
  type RunFiles,
} from '../../src/trust/log/index.ts';
import { makeSmallRun } from './small-run.ts';
import { changePackage, changeRun } from './tamper.ts';

/** A sample; `tamper.slow.test.ts` makes a thousand. */
const CHANGES = 120;
let base: string;
let run: string;
const files = new Map<string, Uint8Array>();
let names: readonly string[];

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'sotto-verify-'));
  run = await makeSmallRun(base);
  const folder = folderFiles(run);
  names = (await folder.list()) ?? [];
  for (const name of names) files.set(name, (await folder.read(name)) as Uint8Array);
}, 60_000);
afterAll(() => rmSync(base, { recursive: true, force: true }));

const withFiles = (changed: ReadonlyMap<string, Uint8Array>): RunFiles => ({
  list: () => Promise.resolve(names),
  read: (name) => Promise.resolve(changed.get(name) ?? files.get(name)),
});
/** The plan of each task text is derived once: a changed task has another text. */
const plans = new Map<string, DerivedPlan | Error>();
function derive(text: string, shape: readonly number[]): DerivedPlan {
  let found = plans.get(text);
  if (found === undefined) {
    try {
      found = derivePlan(text, shape);
    } catch (error) {
      found = error as Error;
    }
    plans.set(text, found);
  }
  if (found instanceof Error) throw found;
  return found;
}
const audit = (changed: ReadonlyMap<string, Uint8Array> = new Map(), options: object = {}): Promise<AuditReport> =>
  auditRun(withFiles(changed), { derivePlan: derive, ...options });

describe('sotto verify', () => {
  it('recomputes what the summary says, and covers every file of the run', async () => {
    const report = await audit();
    const summary = JSON.parse(readFileSync(join(run, 'summary.json'), 'utf8')) as { epsilon: number };
    expect(report.problems).toEqual([]);
    expect(report).toMatchObject({
      ok: true,
      rounds: 3,
      receipts: 4,
      seeded: false,
      isPrivate: true,
      delta: 1e-5,
      notCovered: [],
    });
    expect(report.epsilon).toBe(summary.epsilon);
    expect(report.covered).toEqual([...names]);
  });

  it('finds and names every single-byte change', async () => {
    expect(await changeRun(files, audit, CHANGES)).toEqual([]);
  }, 60_000);

  it('finds every single-byte change of a package', async () => {
    const { whole, missed } = await changePackage(files, CHANGES);
    expect([whole.problems, missed]).toEqual([[], []]);
  }, 60_000);

  it('names what was cut, taken away or put back from before', async () => {
    const codes = async (change: (folder: string) => void): Promise<readonly string[]> => {
      const copy = mkdtempSync(join(base, 'copy-'));
      cpSync(run, copy, { recursive: true });
      change(copy);
      const { problems } = await auditRun(folderFiles(copy), { derivePlan: derive });
      return problems.map(({ code }) => code);
    };
    const ledger = readFileSync(join(run, 'ledger.jsonl'), 'utf8').trimEnd().split('\n');
    expect(
      await codes((copy) => writeFileSync(join(copy, 'ledger.jsonl'), `${ledger.slice(0, -2).join('\n')}\n`)),
    ).toContain('verify/ledger-behind-log');
    expect(await codes((copy) => writeFileSync(join(copy, 'ledger.jsonl'), `${ledger.join('\n')}\n{}\n`))).toContain(
      'verify/ledger-ahead-of-log',
    );
    expect(await codes((copy) => rmSync(join(copy, 'ledger.jsonl')))).toContain('verify/ledger-behind-log');
    expect(await codes((copy) => truncateSync(join(copy, 'metrics.jsonl'), 100))).toContain('verify/digest-mismatch');
    expect(await codes((copy) => rmSync(join(copy, 'log', 'checkpoint')))).toContain('verify/missing');
    expect(await codes((copy) => rmSync(join(copy, 'log', 'tile'), { recursive: true }))).toContain('verify/missing');
    expect(await codes((copy) => rmSync(join(copy, 'model.safetensors')))).toContain('verify/missing');
    expect(
      await codes((copy) => copyFileSync(join(copy, 'checkpoint.safetensors'), join(copy, 'model.safetensors'))),
    ).toContain('verify/digest-mismatch');
    expect(
      await codes((copy) =>
        copyFileSync(join(copy, 'receipts', 'participant-1.json'), join(copy, 'receipts', 'participant-2.json')),
      ),
    ).toContain('verify/receipt-invalid');
  });

  it('tells the key of the log from another, and a fork from a continuation', async () => {
    const vkey = readFileSync(join(run, 'log.vkey'), 'utf8').trim();
    const known = await audit(new Map(), { verifiers: [parseVerifierKey(vkey)] });
    expect([known.ok, known.keyPinned, known.notes]).toEqual([true, true, []]);
    const stranger = createNoteVerifier(
      'ed25519',
      'sotto/other',
      createSigningKey(new Uint8Array(32).fill(1)).publicKey,
    );
    expect((await audit(new Map(), { verifiers: [stranger] })).problems.map(({ code }) => code)).toContain(
      'verify/key-mismatch',
    );

    // The same operator signs another story with the same key: whoever kept a checkpoint of it can tell.
    const seed = Buffer.from(readFileSync(join(run, 'private', 'log.key'), 'utf8').trim(), 'hex');
    const { name } = parseVerifierKey(vkey);
    const other = await openLog({
      store: createMemoryTileStore(),
      origin: name,
      key: createSigningKey(new Uint8Array(seed)),
    });
    await other.append([new TextEncoder().encode('another story')]);
    expect((await audit(new Map(), { seen: [other.checkpoint().note] })).problems).toMatchObject([
      { code: 'log/forked' },
    ]);
    await other.append(Array.from({ length: 500 }, (_, i) => new TextEncoder().encode(`${i}`)));
    expect((await audit(new Map(), { seen: [other.checkpoint().note] })).problems).toMatchObject([
      { code: 'log/rolled-back' },
    ]);
    expect(
      (await audit(new Map(), { seen: [readFileSync(join(run, 'log', 'checkpoint'), 'utf8')] })).proofs.consistency,
    ).toBe(5);
    expect((await audit(new Map(), { witnesses: 1 })).problems).toMatchObject([{ code: 'verify/witnesses-missing' }]);
  });

  it('counts a charge only where its epsilon is recomputed from, and a sum only of as many as the plan counts on', async () => {
    const story = await readRun(withFiles(new Map()), { derivePlan: derive });
    const vkey = parseVerifierKey(readFileSync(join(run, 'log.vkey'), 'utf8').trim());
    const seed = Buffer.from(readFileSync(join(run, 'private', 'log.key'), 'utf8').trim(), 'hex');
    /** The codes that a log of other leaves is found with, signed by the run's own key: an operator who lies. */
    const told = async (leaves: readonly LogLeaf[]): Promise<ReadonlySet<string>> => {
      const store = createMemoryTileStore();
      const log = await openLog({ store, origin: vkey.name, key: createSigningKey(new Uint8Array(seed)) });
      await log.append(leaves.map(encodeLeaf));
      const served: RunFiles = {
        list: () => Promise.resolve(undefined),
        read: async (name) =>
          name.startsWith('log/') ? store.read(name.slice(4)) : name === 'log.vkey' ? files.get(name) : undefined,
      };
      return new Set((await auditRun(served, { derivePlan: derive })).problems.map(({ code }) => code));
    };
    expect(await told(story.leaves)).toEqual(new Set());

    const charged = story.leaves.filter((leaf) => leaf.kind === 'ledger');
    const [open] = charged;
    const elsewhere = story.leaves.flatMap((leaf): LogLeaf[] =>
      leaf === open
        ? [leaf, { ...leaf, ledger: 'other.jsonl' } as LogLeaf]
        : [leaf.kind === 'ledger' ? { ...leaf, ledger: 'other.jsonl' } : leaf],
    );
    expect(await told(elsewhere)).toEqual(new Set(['verify/ledger-broken', 'verify/attempt-uncharged']));

    // The same charges, on a second account that nobody looks at.
    const store = createMemoryLedgerStore();
    const report = story.story?.report;
    const [account] = report?.accounts ?? [];
    if (report === undefined || account === undefined) throw new Error('the run has no ledger');
    const { budget, relation, privacyUnit, dataset } = account;
    const terms = { budget, relation, privacyUnit, dataset };
    const clock = (): Date => new Date(0);
    const ledger = await createLedger({ store, ...terms, accountant: report.accountant, clock });
    await ledger.openAccount({ ...terms, dataset: 'a second one' });
    for (const { event, purpose, round, attempt } of report.charges) {
      const more = { ...(round === null ? {} : { round }), ...(attempt === null ? {} : { attempt }) };
      await ledger.commit(await ledger.reserve({ event, purpose, ...more, accounts: [1] }));
    }
    const records = (await store.read()).map(
      (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as Record<string, never>,
    );
    const hidden = story.leaves.flatMap((leaf): LogLeaf[] =>
      leaf === open ? records.map((record) => ({ ...leaf, record }) as LogLeaf) : leaf.kind === 'ledger' ? [] : [leaf],
    );
    expect(await told(hidden)).toEqual(new Set(['verify/attempt-uncharged']));

    const few = story.leaves.map((leaf) => (leaf.kind === 'round-closed' ? { ...leaf, contributors: 2 } : leaf));
    expect(await told(few)).toEqual(new Set(['verify/story-broken']));
  });

  it('asks of a web server only what it has', async () => {
    const served: RunFiles = {
      list: () => Promise.resolve(undefined),
      read: (name) => Promise.resolve(/^log[./]/.test(name) ? files.get(name) : undefined),
    };
    const report = await auditRun(served, { derivePlan: derive });
    expect([report.ok, report.problems]).toEqual([true, []]);
    expect(report.epsilon).toBe((await audit()).epsilon);
  });
});

describe('the privacy card', () => {
  const facts = { controller: 'Example Clinic', controllerType: 'Healthcare', purpose: 'a <test>' };

  it('says what the ledger says, and what nobody said it marks as missing', async () => {
    const card = createPrivacyCard(await readRun(withFiles(new Map()), { derivePlan: derive }), facts);
    const report = await audit();
    expect(card.guarantee).toMatchObject({
      epsilon: report.epsilon,
      delta: 1e-5,
      budget: 8,
      charges: 3,
      trust: 'nobody',
    });
    expect(card.spending.at(-1)?.epsilon).toBe(report.epsilon);
    expect(card.spending.map(({ charge }) => charge)).toEqual([1, 2, 3]);
    for (const [i, { falseNegativeRate }] of card.tradeOff.entries()) {
      expect(falseNegativeRate).toBeLessThanOrEqual(card.tradeOff[i - 1]?.falseNegativeRate ?? 1);
    }
    const page = formatCardPage(card);
    expect(page).toContain('<svg');
    expect(page).not.toMatch(/<script|https?:\/\/|a <test>/);
    const sheets = [
      formatNistSheet(card),
      formatProcessingRecord(card),
      formatImpactAssessment(card),
      formatHipaaSheet(card),
    ];
    for (const sheet of sheets) expect(sheet).toContain('[to be filled in by the controller');
    for (const sheet of [page, ...sheets]) expect(sheet).not.toMatch(/undefined|NaN|\[object/);
  });

  it('is a record of the third tier of the deployments registry', async () => {
    const card = createPrivacyCard(await readRun(withFiles(new Map()), { derivePlan: derive }), facts);
    const record = parse(formatRegistryRecord(card)) as Record<string, unknown> & {
      deployment: Record<string, Record<string, unknown>>;
    };
    // The layout of the registry's records of 2026: template and published entries of tier 3.
    expect(Object.keys(record)).toEqual(['url_slug', 'status', 'tier', 'deployment']);
    expect(record['tier']).toBe(3);
    const required: Record<string, readonly string[]> = {
      basic: [
        'name',
        'data_curators',
        'intended_use',
        'data_product_type',
        'data_product_region',
        'description',
        'publication_date',
        'data_product_sector',
      ],
      dp_variant: ['variant_name', 'data_domain', 'unprotected_quantities'],
      privacy_loss: ['privacy_unit', 'privacy_unit_details', 'privacy_parameters', 'privacy_parameters_details'],
      deployment_model: [
        'model_name',
        'model_name_details',
        'actors',
        'release_type',
        'release_type_details',
        'data_source_type',
        'access_type',
      ],
      accounting: ['post_processing', 'composition'],
      implementation: ['preprocessing_and_hyperparameter_tuning', 'mechanisms', 'justification'],
      administrative: ['sources', 'registry_authors'],
    };
    expect(Object.keys(record.deployment)).toEqual(Object.keys(required));
    for (const [section, fields] of Object.entries(required)) {
      for (const field of fields) expect(record.deployment[section]?.[field], `${section}.${field}`).toBeTruthy();
    }
    expect(record.deployment['privacy_loss']?.['privacy_parameters']).toEqual({
      epsilon: card.guarantee?.epsilon,
      delta: 1e-5,
    });
    expect(record.deployment['basic']?.['publication_date']).toMatch(/^\d{4}-\d{2}-\d{2}$/);
    expect(['Central', 'Local', 'Shuffle', 'Federated']).toContain(
      record.deployment['deployment_model']?.['model_name'],
    );
  });

  it('is not made from a run that does not verify', async () => {
    const bytes = (files.get('ledger.jsonl') as Uint8Array).slice();
    bytes[9] = (bytes[9] as number) ^ 1;
    const story = await readRun(withFiles(new Map([['ledger.jsonl', bytes]])), { derivePlan: derive });
    expect(() => createPrivacyCard(story)).toThrow(/does not verify/);
    expect(() => readLineage(story)).toThrow(/does not verify/);
  });
});

describe('lineage', () => {
  it('has a start and an end for everything, and a charge for every round', async () => {
    const graph = readLineage(await readRun(withFiles(new Map()), { derivePlan: derive }));
    const rounds = graph.activities.filter(({ kind }) => kind === 'round');
    expect(rounds.map(({ charge }) => charge?.status)).toEqual(['committed', 'committed', 'committed']);
    // From the data to the released file there is an unbroken way.
    const made = new Map(graph.activities.flatMap((activity) => activity.made.map((id) => [id, activity] as const)));
    const file = graph.entities.find(({ id }) => id.startsWith('file/model.safetensors'));
    const seen: string[] = [];
    for (let at = file?.id; at !== undefined;) {
      const activity = made.get(at);
      seen.push(activity?.kind ?? 'initial model');
      at = activity?.used.find((id) => id.startsWith('model/'));
    }
    expect(seen).toEqual(['release', 'round', 'round', 'round', 'initial model']);
    const events = formatOpenLineage(graph) as {
      eventType: string;
      eventTime: string;
      schemaURL: string;
      run: { runId: string };
    }[];
    const states = Map.groupBy(events, ({ run: { runId } }) => runId);
    for (const [runId, each] of states) {
      expect(runId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(each.map(({ eventType }) => eventType)).toEqual(['START', 'COMPLETE']);
      for (const event of each) expect(event.schemaURL).toContain('/spec/2-0-2/');
    }
    const prov = formatProv(graph) as Record<string, Record<string, Record<string, string>>>;
    for (const relation of ['used', 'wasGeneratedBy', 'wasDerivedFrom']) {
      for (const each of Object.values(prov[relation] ?? {})) {
        for (const [key, id] of Object.entries(each)) {
          const where = key === 'prov:activity' ? prov['activity'] : prov['entity'];
          expect(Object.keys(where ?? {})).toContain(id);
        }
      }
    }
  });
});
