/**
 * From `npm start` to the first round on the page, for three starts: the first one where scripts were disabled, with nothing
 * compiled and no page built; the first one after `npm ci`, whose `prepare` has done both; and a later one. What is timed
 * is what a person waits for: the address in the terminal, the page in a browser that is open already, the stages of the
 * first round on it, and the round's end with its accuracy. `npm run bench:start` prints a table and, with `--record`,
 * writes bench/results/start.json; `--times N` starts of each kind (3).
 *
 * @module
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type Browser, chromium } from 'playwright-core';

import { describeMachine } from './machine.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const at = process.argv.indexOf('--times');
const times = at < 0 ? 3 : Number(process.argv[at + 1]);
const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';

/** Seconds since the command. */
interface Start {
  readonly address: number;
  readonly page: number;
  readonly firstRound: number;
  readonly accuracy: number;
}

/** Forgets everything that a start or an installation has left behind for the next one. */
function forget(): void {
  for (const folder of ['node_modules/.cache/sotto', 'dist/apps'])
    rmSync(join(root, folder), { recursive: true, force: true });
}

function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const url = /watch it live: (http:\S+)/.exec(said)?.[1];
      if (url !== undefined) resolve(url);
    });
    child.once('exit', (code) => reject(new Error(`npm start ended with ${code}: ${said}`)));
  });
}

async function start(browser: Browser): Promise<Start> {
  const out = mkdtempSync(join(tmpdir(), 'sotto-start-'));
  const page = await browser.newPage();
  const begin = performance.now();
  const since = (): number => (performance.now() - begin) / 1000;
  const child = spawn('npm', ['start', '-s', '--', '--rounds', '3', '--out', join(out, 'run')], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  try {
    const url = await addressOf(child);
    const address = since();
    await page.goto(url, { waitUntil: 'commit' });
    await page.getByRole('heading', { level: 1, name: 'digits' }).waitFor();
    const seen = since();
    await page.locator('.timeline li').first().waitFor();
    const firstRound = since();
    await page
      .getByText(/^[1-9]\d* of 3/)
      .first()
      .waitFor({ timeout: 120_000 });
    return { address, page: seen, firstRound, accuracy: since() };
  } finally {
    await ended;
    await page.close();
    rmSync(out, { recursive: true, force: true });
  }
}

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
const results: Record<'scriptsDisabled' | 'first' | 'later', Start[]> = { scriptsDisabled: [], first: [], later: [] };
for (let i = 0; i < times; i += 1) {
  forget();
  results.scriptsDisabled.push(await start(browser));
  forget();
  execFileSync('npm', ['run', '-s', 'prepare'], { cwd: root });
  results.first.push(await start(browser));
  results.later.push(await start(browser));
}
await browser.close();

for (const [kind, starts] of Object.entries(results)) {
  for (const each of starts) {
    console.log(
      kind.padEnd(16),
      Object.entries(each)
        .map(([name, value]) => `${name} ${(value as number).toFixed(1)} s`)
        .join('  '),
    );
  }
}
if (process.argv.includes('--record')) {
  writeFileSync(
    new URL('results/start.json', import.meta.url),
    `${JSON.stringify({ machine: describeMachine(), ...results }, undefined, 2)}\n`,
  );
}
