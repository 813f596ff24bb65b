/**
 * Data on the participant page in Chromium, as a person gives it: a folder of pictures dragged onto the page, on a dark
 * desktop; a folder of texts, on a light phone; and evidence that is asked for and is not what it must be. Is skipped,
 * and says so, where there is no browser.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { encode } from 'fast-png';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { loadPages } from '../../src/cli/pages.ts';
import { formatInvitationLink } from '../../src/federation/wire/index.ts';
import { createInsecureSimulatedSource } from '../../src/runtime/drivers/index.ts';
import { type Served, serve } from '../../src/runtime/coordinator/index.ts';
import { findViolations, hasChromium, launchChromium, openPage, type WatchedPage } from '../harness/chromium.ts';
import { smallTask } from '../harness/service.ts';

const DESK: BrowserContextOptions = { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' };
const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  colorScheme: 'light',
  hasTouch: true,
  isMobile: true,
};
const POLICY = `requireAttestation:
  tees: [sev-snp]
  measurements: [{ measurement: "${'ab'.repeat(48)}" }]
  codeDigests: ["${'07'.repeat(32)}"]
`;

describe.skipIf(!hasChromium)(`data on the participant page${hasChromium ? '' : ' (skipped: no browser)'}`, () => {
  let folder: string;
  let browser: Browser;
  let served: Served;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-participant-data-'));
    browser = await launchChromium();
    served = await serve({
      folder: join(folder, 'coordinator'),
      host: '127.0.0.1',
      port: 0,
      factsOf: (task) =>
        Promise.resolve({
          inputShape: task.model.input ?? [],
          evaluate: () => Promise.resolve({ accuracy: 0.5, loss: 0.7 }),
        }),
      log: () => {},
      attestation: {
        source: createInsecureSimulatedSource({ measurement: 'ab'.repeat(48) }, { warn: () => {} }),
        codeDigest: new Uint8Array(32).fill(7),
        simulated: true,
      },
      pages: {
        dashboard: () => loadPages('dashboard'),
        participant: () => loadPages('participant'),
        version: '0',
      },
    });
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await served?.close();
    rmSync(folder, { recursive: true });
  });

  async function open(options: BrowserContextOptions, model: string): Promise<WatchedPage> {
    const text = smallTask().replace(/^model: .*$/m, `model: ${model}`);
    const { id } = (await served.service.createTask(text)).status();
    const { token } = await served.service.invite(id, 'somebody');
    const opened = await openPage(browser, options);
    await opened.page.goto(formatInvitationLink(served.url, { taskId: id, token }));
    await opened.page.locator('#step-1').waitFor();
    return opened;
  }
  async function assertSound({ page, complaints }: WatchedPage): Promise<void> {
    expect(await findViolations(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    expect(complaints).toEqual([]);
  }

  it('takes a folder of pictures that is dragged onto it, on a dark desktop', async () => {
    const pictures = join(folder, 'pictures');
    for (let i = 0; i < 12; i += 1) {
      mkdirSync(join(pictures, String(i % 2)), { recursive: true });
      const data = Uint8Array.from({ length: 64 }, (_, at) => (at * 3 + 40 * i) % 256);
      const picture = encode({ width: 8, height: 8, channels: 1, depth: 8, data });
      writeFileSync(join(pictures, String(i % 2), `${i}.png`), picture);
    }
    const model =
      '{ input: [8, 8, 1], layers: [{ kind: flatten }, { kind: dense, out: 2 }], loss: softmaxCrossEntropy }';
    const opened = await open(DESK, model);
    const { page } = opened;
    await page.locator('.drop').scrollIntoViewIfNeeded();
    const box = await page.locator('.drop').boundingBox();
    const at = { x: (box?.x ?? 0) + 20, y: (box?.y ?? 0) + 20 };
    // The browser's own drag from outside: the page gets a folder to walk through, as from a file manager.
    const tools = await page.context().newCDPSession(page);
    const data = { items: [], files: [pictures], dragOperationsMask: 1 };
    for (const type of ['dragEnter', 'dragOver'] as const)
      await tools.send('Input.dispatchDragEvent', { type, ...at, data });
    await page.locator('.drop.over').waitFor();
    await tools.send('Input.dispatchDragEvent', { type: 'drop', ...at, data });
    await page.getByText('12 pictures').waitFor();
    expect(await page.getByRole('img', { name: /an example of [01]/ }).count()).toBe(12);
    await assertSound(opened);
    await page.context().close();
  });

  it('takes a folder of texts, on a light phone, and shows markup in them as text', async () => {
    const texts = join(folder, 'texts');
    for (const [i, name] of ['ham', 'spam', 'ham', 'spam', 'spam'].entries()) {
      mkdirSync(join(texts, name), { recursive: true });
      writeFileSync(join(texts, name, `${i}.txt`), `<img src=x onerror=alert(${i})> a ${name} of a mail`);
    }
    const opened = await open(PHONE, '{ input: [64], layers: [{ kind: dense, out: 2 }], loss: softmaxCrossEntropy }');
    const { page } = opened;
    await page.locator('input[type=file]').first().setInputFiles(texts);
    await page.getByText('5 texts').waitFor();
    await page.getByText('<img src=x onerror=alert(0)>', { exact: false }).waitFor();
    expect(await page.locator('.lines img').count()).toBe(0);
    const bars = page.getByRole('list', { name: 'Examples of each class' }).getByRole('listitem');
    expect(await bars.allInnerTexts()).toEqual([
      expect.stringMatching(/^ham\s+2$/),
      expect.stringMatching(/^spam\s+3$/),
    ]);
    await assertSound(opened);

    // Evidence of hardware that is simulated is none: the page says so, and nothing leaves the device.
    const policy = join(folder, 'policy.yaml');
    writeFileSync(policy, POLICY);
    await page.locator('input[accept]').setInputFiles(policy);
    await page.locator('#step-4 ~ p button').click();
    await page.getByText('SIMULATED ATTESTATION: what this coordinator shows').waitFor();
    // What was checked and refused is on the page, and can be saved.
    const record = page.getByRole('region', { name: 'Proof of the coordinator’s hardware' });
    await record.getByText(/was refused; nothing was sent/).waitFor();
    await record.getByText('Refused: attestation/untrusted-root').waitFor();
    const saving = page.waitForEvent('download');
    await record.getByRole('button', { name: 'Save the records of what was checked' }).click();
    const saved = await saving;
    expect(saved.suggestedFilename()).toMatch(/\.attestation\.jsonl$/);
    const [kept] = readFileSync(await saved.path(), 'utf8')
      .trim()
      .split('\n');
    expect(JSON.parse(kept ?? '')).toMatchObject({
      sotto: 'attestation-record/1',
      outcome: 'refused',
      tee: 'simulated',
    });
    expect(opened.requests.filter((url) => url.endsWith('/messages'))).toEqual([]);
    await assertSound(opened);
    await page.context().close();
  });

  it('is collected by a coordinator whose dashboard says on every page that its evidence is simulated', async () => {
    const opened = await openPage(browser, DESK);
    const { page } = opened;
    await page.goto(`${served.url}/`);
    await page.getByText('SIMULATED ATTESTATION: the evidence that this coordinator shows').waitFor();
    await assertSound(opened);
    await page.context().close();
  });
});
