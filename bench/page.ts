/**
 * What the page of a run costs the run: the digits task with its page served and watched by one viewer, against the same
 * task with `--no-page`, one after the other, again and again. Measured are the processor time of the whole process with
 * all its threads, the time of the rounds, and, from a profile of one watched run, the part of the processor time that is
 * the page's own code. `npm run bench:page` prints a table and, with `--record`, writes bench/results/page.json;
 * `--pairs N` (4), `--rounds N` (30).
 *
 * The viewer takes what a browser takes (the page, its files, the stream of changes) and draws nothing, so that what is
 * measured is the run and not a browser beside it.
 *
 * @module
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describeMachine } from './machine.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const option = (name: string, preset: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? preset : Number(process.argv[at + 1]);
};
const pairs = option('pairs', 4);
const rounds = option('rounds', 30);

interface Measured {
  /** Of all threads, user and system. */
  readonly cpuSeconds: number;
  /** Of all rounds together, by the run's own clock. */
  readonly roundSeconds: number;
  /** Bytes that the viewer was sent. */
  readonly bytes: number;
  /** Share of the processor time in the page's code; measured in profiled runs. */
  readonly share?: number;
}

/** Takes the page and follows the task until the stream ends. @returns bytes received. */
async function watch(url: string): Promise<number> {
  const page = await (await fetch(url)).text();
  let bytes = page.length;
  for (const [, path = ''] of page.matchAll(/(?:src|href)="(\.\/[^"]+)"/g)) {
    bytes += (await (await fetch(new URL(path, url))).arrayBuffer()).byteLength;
  }
  const { body } = await fetch(new URL('api/tasks/digits/feed', url));
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) bytes += chunk.length;
  return bytes;
}

async function run({ watched, profiled }: { watched: boolean; profiled: boolean }): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-page-'));
  const tell = `process.on('exit', () => {
    const { user, system } = process.cpuUsage();
    process.getBuiltinModule('node:fs').writeFileSync(${JSON.stringify(join(folder, 'cpu'))}, String((user + system) / 1e6));
  });`;
  const args = [
    '--import',
    `data:text/javascript,${encodeURIComponent(`import { isMainThread } from 'node:worker_threads'; if (isMainThread) { ${tell} }`)}`,
  ];
  if (profiled) args.push('--cpu-prof', '--cpu-prof-dir', join(folder, 'profile'));
  args.push('bin/sotto.mjs', 'run', 'examples/digits/task.yaml', '--rounds', String(rounds));
  args.push('--seed', 'bench', '--out', join(folder, 'run'), ...(watched ? [] : ['--no-page']));
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  let viewer: Promise<number> | undefined;
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    const url = /watch it live: (http:\S+)/.exec(said)?.[1];
    if (url !== undefined) viewer ??= watch(url);
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`the run ended with ${code}: ${said}`);
  const bytes = (await viewer) ?? 0;
  const cpuSeconds = Number(readFileSync(join(folder, 'cpu'), 'utf8'));
  const lines = readFileSync(join(folder, 'run/metrics.jsonl'), 'utf8').trim().split('\n');
  const roundSeconds = lines.reduce((sum, line) => sum + (JSON.parse(line) as { seconds: number }).seconds, 0);
  const share = profiled ? secondsOfPage(join(folder, 'profile')) / cpuSeconds : undefined;
  rmSync(folder, { recursive: true, force: true });
  return { cpuSeconds, roundSeconds, bytes, ...(share === undefined ? {} : { share }) };
}

/** The page's code, what it serves with, and what the process does with sockets, which is for the page alone. */
const PAGE =
  /\/src\/runtime\/view\/|\/src\/cli\/(run-)?page|node_modules\/(hono|@hono)\/|node:(_http|net$|internal\/webstreams)/;

/** Seconds of the main thread, of a profile, with the page's code somewhere on the stack. */
function secondsOfPage(folder: string): number {
  let seconds = 0;
  for (const name of readdirSync(folder)) {
    const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as {
      nodes: { id: number; callFrame: { url: string }; children?: number[] }[];
      samples: number[];
      timeDeltas: number[];
    };
    const isPage = new Map<number, boolean>();
    const byId = new Map(nodes.map((node) => [node.id, node]));
    const mark = (id: number, inside: boolean): void => {
      const node = byId.get(id);
      const here = inside || PAGE.test(node?.callFrame.url ?? '');
      isPage.set(id, here);
      for (const child of node?.children ?? []) mark(child, here);
    };
    if (nodes[0] !== undefined) mark(nodes[0].id, false);
    for (const [i, sample] of samples.entries()) if (isPage.get(sample) === true) seconds += (timeDeltas[i] ?? 0) / 1e6;
  }
  return seconds;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

const watchedRuns: Measured[] = [];
const plainRuns: Measured[] = [];
for (let i = 0; i < pairs; i += 1) {
  // Who goes first changes, so that a machine that grows warm favors neither.
  for (const watched of i % 2 === 0 ? [true, false] : [false, true]) {
    (watched ? watchedRuns : plainRuns).push(await run({ watched, profiled: false }));
  }
}
const profiled = await run({ watched: true, profiled: true });
const more = (get: (each: Measured) => number): number =>
  median(watchedRuns.map((each, i) => get(each) / get(plainRuns[i] as Measured) - 1));
const result = {
  machine: describeMachine(),
  rounds,
  watched: watchedRuns,
  plain: plainRuns,
  shareOfPageCode: profiled.share,
  medianMoreCpu: more(({ cpuSeconds }) => cpuSeconds),
  medianMoreRoundTime: more(({ roundSeconds }) => roundSeconds),
};
for (const [i, watched] of watchedRuns.entries()) {
  const plain = plainRuns[i] as Measured;
  console.log(
    `watched ${watched.cpuSeconds.toFixed(2)} s of processor, ${watched.roundSeconds.toFixed(2)} s of rounds, ${watched.bytes} bytes;` +
      ` not served ${plain.cpuSeconds.toFixed(2)} s, ${plain.roundSeconds.toFixed(2)} s`,
  );
}
const percent = (value: number | undefined): string => `${(100 * (value ?? Number.NaN)).toFixed(2)} %`;
console.log(
  `page code ${percent(profiled.share)} of the processor time; pairs differ by ${percent(result.medianMoreCpu)} of processor,` +
    ` ${percent(result.medianMoreRoundTime)} of round time (medians)`,
);
if (process.argv.includes('--record')) {
  writeFileSync(new URL('results/page.json', import.meta.url), `${JSON.stringify(result, undefined, 2)}\n`);
}
