/** `sotto mpc sum` and `sotto homomorphic sum`: one JSON report of a real run, and a clear word for what cannot be. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { runSotto } from './sotto.ts';

let base: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'sotto-secrets-'));
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

async function report(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await runSotto(...args, '--json');
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('a sum as a command', () => {
  it('reports exactness, error, time and bytes of shares, in one process and between several', async () => {
    const one = await report('mpc', 'sum', '--parties', '5', '--entries', '1000');
    expect(one).toMatchObject({
      exact: true,
      maxError: expect.any(Number) as number,
      seconds: expect.any(Number) as number,
      bytesPerParty: 4 * 16 + 4 * (4 * 1000 + 32),
      bytes: { shares: 64 },
      parties: 5,
      entries: 1000,
    });
    expect(one.maxError).toBeLessThanOrEqual(5 * 2 ** -17);
    expect(one.maxError).toBeGreaterThan(0);
    const several = await report('mpc', 'sum', '--processes', '--entries', '50');
    expect(several).toMatchObject({
      exact: true,
      bytesPerParty: 2 * 16 + 2 * (4 * 50 + 32),
      transport: expect.stringContaining('sealed') as string,
    });
  }, 60_000);

  it.each([
    ['ckks', /CKKS N=4096/],
    ['bfv', /BFV N=4096/],
    ['paillier', /Paillier-2048/],
  ])(
    'reports the same of %s',
    async (scheme, parameters) => {
      const made = await report('homomorphic', 'sum', '--scheme', scheme, '--parties', '3', '--entries', '200');
      expect(made).toMatchObject({
        exact: true,
        maxError: expect.any(Number) as number,
        seconds: expect.any(Number) as number,
        bytesPerParty: expect.any(Number) as number,
        scheme,
        parameters: expect.stringMatching(parameters) as string,
        parties: 3,
        entries: 200,
      });
      expect(made.maxError).toBeLessThanOrEqual(3 * 2 ** -21);
      expect(made.bytesPerParty).toBeGreaterThan(500);
    },
    60_000,
  );

  it('is refused where it cannot be, with the rule or the next step', async () => {
    const broken = join(base, 'broken.yaml');
    writeFileSync(broken, 'session: [');
    const empty = join(base, 'empty.yaml');
    writeFileSync(empty, 'session: x');
    const cases: readonly [number, RegExp, ...string[]][] = [
      [2, /--parties must be an integer in \[3, 64\], got 2/, 'mpc', 'sum', '--parties', '2'],
      [2, /--entries must be an integer/, 'mpc', 'sum', '--entries', 'many'],
      [2, /not a run folder/, 'mpc', 'predict', base],
      [2, /Allowed choices are ckks, bfv, bgv, paillier/, 'homomorphic', 'sum', '--scheme', 'rsa'],
      [2, /2048, 3072 or 4096/, 'homomorphic', 'sum', '--scheme', 'paillier', '--key-bits', '1024'],
      [43, /or use BFV/, 'homomorphic', 'sum', '--entries', '10', '--fraction-bits', '40'],
      [2, /broken\.yaml: .*line 1, column 11$/m, 'party', 'run', broken],
      [2, /empty\.yaml: endpoint: /, 'party', 'run', empty],
      [2, /cannot be made or changed/, 'party', 'key', join(broken, 'key')],
    ];
    for (const [code, word, ...args] of cases) {
      const refused = await runSotto(...args);
      expect(refused.stderr, args.join(' ')).toMatch(word);
      expect(refused.code, args.join(' ')).toBe(code);
      expect(refused.stdout).toBe('');
    }
  }, 60_000);
});
