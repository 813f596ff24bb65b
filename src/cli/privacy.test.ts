import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { evaluateQueries, fillHole, toJsonText } from './privacy/evaluate.ts';
import { plotAsSvg, plotInTerminal } from './privacy/plot.ts';
import { formatNumber, formatTable } from './privacy/table.ts';
import { createPrivacyCommand } from './privacy.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sotto-privacy-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the command in this process and returns what it printed. */
async function run(...words: readonly string[]): Promise<string> {
  let printed = '';
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    printed += String(chunk);
    return true;
  });
  try {
    const command = createPrivacyCommand().exitOverride();
    for (const sub of command.commands) sub.exitOverride().configureOutput({ writeErr: () => undefined });
    await command.parseAsync(words, { from: 'user' });
  } finally {
    spy.mockRestore();
  }
  return printed;
}

describe('sotto privacy', () => {
  it('says where a plot cannot be written', async () => {
    const svg = join(folder, 'missing', 'curve.svg');
    await expect(run('curve', '--noise-multiplier', '2', '--points', '3', '--svg', svg)).rejects.toMatchObject({
      code: 'usage/invalid',
      message: expect.stringContaining('name a folder that exists') as string,
    });
  });

  const sgd = ['--noise-multiplier', '1.1', '--sampling-rate', '0.01', '--steps', '500'];

  it('prints epsilon by every accountant, bounds rounded outwards and the approximation named', async () => {
    const text = await run('epsilon', ...sgd);
    expect(text).toMatch(/epsilon at delta 0\.00001, add-or-remove-one/);
    expect(text).toMatch(/^pld .*bound$/m);
    expect(text).toMatch(/^zcdp .*refused$/m);
    expect(text).toMatch(/^gdp .*approximation, no bound$/m);
    const { answers } = JSON.parse(await run('epsilon', ...sgd, '--json')) as {
      answers: { accountant: string; lower: number | null; upper: number | null }[];
    };
    const pld = answers.find(({ accountant }) => accountant === 'pld');
    const shown = /^pld\s+(\S+)\s+(\S+)/m.exec(text);
    expect(Number(shown?.[1])).toBeLessThanOrEqual(pld?.lower as number);
    expect(Number(shown?.[2])).toBeGreaterThanOrEqual(pld?.upper as number);
  });

  it('prints the gap between batches in order and Poisson sampling', async () => {
    const flags = ['--noise-multiplier', '1', '--sampling', 'shuffled', '--dataset-size', '1000', '--batch-size', '1'];
    const text = await run('epsilon', ...flags, '--steps', '1000', '--relation', 'zero-out');
    expect(text).toMatch(/a fixed order costs 4\.378, a shuffled one at least 2\.88/);
    await expect(run('epsilon', ...flags)).rejects.toThrow(/use zero-out or replace-one/);
  });

  it('takes every sampling scheme, and an event from a file', async () => {
    const sizes = ['--dataset-size', '1000', '--batch-size', '10', '--steps', '20', '--noise-multiplier', '3'];
    expect(await run('epsilon', '--sampling', 'fixed-size', '--relation', 'replace-one', ...sizes)).toMatch(
      /^pld .*bound$/m,
    );
    expect(await run('epsilon', '--sampling', 'cyclic', '--relation', 'zero-out', ...sizes)).toMatch(/^pld .*bound$/m);
    expect(await run('epsilon', '--sampling', 'banded', '--bands', '4', '--sampling-rate', '0.1', ...sizes)).toMatch(
      /^pld .*bound$/m,
    );
    const path = join(folder, 'event.json');
    writeFileSync(path, JSON.stringify({ type: 'Laplace', noise_multiplier: 2 }));
    expect(await run('delta', '--event', path, '--epsilon', '0.5')).toMatch(/^pld\s+0\s|^pld\s+–\s+0\s/m);
    await expect(run('delta', '--event', join(folder, 'none.json'))).rejects.toThrow(/none\.json/);
  });

  it('calibrates any one parameter', async () => {
    const solve = async (...words: readonly string[]): Promise<{ value: number; epsilon: number }> =>
      JSON.parse(await run('calibrate', '--accountant', 'rdp', '--epsilon', '2', ...words, '--json')) as never;
    const noise = await solve('--sampling-rate', '0.01', '--steps', '500');
    expect(noise.epsilon).toBeLessThanOrEqual(2);
    expect(noise.epsilon).toBeGreaterThan(1.999);
    const rate = await solve('--solve', 'sampling-rate', '--noise-multiplier', '1', '--steps', '500');
    expect(rate.epsilon).toBeLessThanOrEqual(2);
    const steps = await solve('--solve', 'steps', '--noise-multiplier', '1', '--sampling-rate', '0.01');
    expect(Number.isInteger(steps.value)).toBe(true);
    expect(await run('calibrate', '--sampling-rate', '0.01', '--steps', '500', '--accountant', 'rdp')).toMatch(
      /noise-multiplier/,
    );
  });

  it('draws the curve and the plan, and writes SVG', async () => {
    const svg = join(folder, 'curve.svg');
    const text = await run('curve', '--noise-multiplier', '2', '--steps', '10', '--points', '7', '--svg', svg);
    expect(text).toMatch(/delta ↑/);
    expect(text).toMatch(/true positives at most/);
    expect(readFileSync(svg, 'utf8')).toMatch(/^<svg [\s\S]*<path d="M[\s\S]*<\/svg>\n$/);
    const plan = await run('plan', '--steps', '100', '--epsilon', '1,4', '--accountant', 'rdp', '--json');
    const { rows } = JSON.parse(plan) as { rows: { steps: number; multipliers: number[] }[] };
    expect(rows.map(({ steps }) => steps)).toEqual([25, 50, 100, 200]);
    for (const { multipliers } of rows) expect(multipliers[0]).toBeGreaterThan(multipliers[1] as number);
    expect(await run('plan', '--steps', '100', '--epsilon', '1,4', '--accountant', 'rdp')).toMatch(
      /noise multiplier ↑/,
    );
  });

  it('names the flag that is wrong', async () => {
    await expect(run('epsilon')).rejects.toThrow(/--noise-multiplier must be a number/);
    await expect(run('epsilon', ...sgd, '--delta', '2')).rejects.toThrow(/--delta must be a number in \[0, 1\], got 2/);
    await expect(run('epsilon', '--noise-multiplier', '1', '--steps', '1.5')).rejects.toThrow(
      /--steps must be an integer/,
    );
    await expect(run('epsilon', '--noise-multiplier', '1', '--mechanism', 'cauchy')).rejects.toThrow(/Allowed choices/);
  });
});

describe('sotto privacy evaluate', () => {
  const event = { type: 'SelfComposed', count: 10, event: { type: 'Gaussian', noise_multiplier: 2 } };
  const base = { event, relation: 'ADD_OR_REMOVE_ONE', accountant: 'pld' };

  it('answers what it can, and puts the code of the error where it cannot', () => {
    const answers = evaluateQueries([
      { ...base, id: 'epsilon', query: 'epsilon_for_delta', delta: 1e-5 },
      { ...base, id: 'type', event: { type: 'Wavelet' }, query: 'epsilon_for_delta', delta: 1e-5 },
      { ...base, id: 'relation', relation: 'FRIENDS', query: 'epsilon_for_delta', delta: 1e-5 },
      { ...base, id: 'query', query: 'mu' },
      { ...base, id: 'no delta', query: 'epsilon_for_delta' },
      {
        ...base,
        id: 'tree',
        event: { type: 'SingleEpochTreeAggregation', noise_multiplier: 1, step_counts: 4 },
        query: 'epsilon_for_delta',
        delta: 1e-5,
      },
      { ...base, id: 'skellam', event: { type: 'ZC', rho: 1 }, query: 'epsilon_for_delta', delta: 1e-5 },
      'nonsense',
      { ...base, id: 'delta', query: 'delta_for_epsilon', epsilon: 1, accountant: 'rdp', orders: 'integer' },
      { ...base, id: 'again', query: 'epsilon_for_delta', delta: 1e-5 },
    ]);
    expect(answers.map(({ id, error }) => [id, error?.code])).toEqual([
      ['epsilon', undefined],
      ['type', 'accounting/invalid-event'],
      ['relation', 'accounting/unknown-relation'],
      ['query', 'usage/invalid'],
      ['no delta', 'usage/invalid'],
      ['tree', 'accounting/unknown-relation'],
      ['skellam', 'accounting/unsupported-event'],
      [null, 'usage/invalid'],
      ['delta', undefined],
      ['again', undefined],
    ]);
    const [first] = answers;
    expect(first?.lower).toBeLessThanOrEqual(first?.value as number);
    expect(first?.value).toBe(first?.upper);
    expect(first?.seconds).toBeGreaterThan(0);
    expect(answers.at(-1)?.value).toBe(first?.value);
    expect(() => evaluateQueries({})).toThrow(/must hold an array/);
  });

  it('answers the rows of the reference in their own form', async () => {
    const { rows } = JSON.parse(
      readFileSync(new URL('../../test/vectors/accounting/reference.json', import.meta.url), 'utf8'),
    ) as {
      rows: {
        id: string;
        event?: unknown;
        neighbouring?: string;
        query?: string;
        delta?: number;
        rdp_integer_orders?: { value: number };
      }[];
    };
    const wanted = new Set(['ref-002', 'ref-020', 'ref-040', 'ref-048', 'ref-053', 'ref-056', 'ref-060']);
    const queries = rows
      .filter(({ id }) => wanted.has(id))
      .map(({ id, event: asked, neighbouring, query, delta }) => ({
        id,
        event: asked,
        relation: neighbouring,
        query,
        delta,
        accountant: 'rdp',
        orders: 'integer',
      }));
    const path = join(folder, 'queries.json');
    writeFileSync(path, JSON.stringify(queries));
    const answers = JSON.parse(await run('evaluate', path, '--json')) as {
      id: string;
      value: number;
      accountant: string;
    }[];
    expect(answers).toHaveLength(wanted.size);
    for (const { id, value } of answers) {
      const expected = rows.find((row) => row.id === id)?.rdp_integer_orders?.value ?? Number.NaN;
      expect(Math.abs(value / expected - 1)).toBeLessThan(1e-9);
    }
    expect(await run('evaluate', path)).toMatch(/ref-020/);
  });

  it('calibrates a family, with its hole marked or not', () => {
    const family = (noise: unknown) => ({
      type: 'SelfComposed',
      count: 4,
      event: { type: 'Gaussian', noise_multiplier: noise },
    });
    const ask = { id: 1, query: 'calibrate', epsilon: 1, delta: 1e-5, relation: 'zero-out', accountant: 'rdp' };
    const answers = evaluateQueries([
      { ...ask, event: family('?') },
      { ...ask, event_family: family('?') },
      { ...ask, event: family(1) },
    ]);
    expect(new Set(answers.map(({ value }) => value)).size).toBe(1);
    expect(answers[0]?.value).toBeGreaterThan(7);
    expect(fillHole({ a: ['?'], noise_multiplier: 3 }, 2)).toEqual({ a: [2], noise_multiplier: 3 });
  });

  it('solves for a count, a sampling rate or any other field that a family leaves open', () => {
    const sampled = (q: unknown, count: unknown): unknown => ({
      type: 'SelfComposed',
      count,
      event: { type: 'PoissonSampled', sampling_probability: q, event: { type: 'Gaussian', noise_multiplier: 3 } },
    });
    const ask = { query: 'calibrate', epsilon: 2, delta: 1e-6, relation: 'ADD_OR_REMOVE_ONE', accountant: 'rdp' };
    const answers = evaluateQueries([
      { ...ask, id: 'steps', event: sampled(0.1, '?') },
      { ...ask, id: 'rate', event: sampled('?', 133) },
      { ...ask, id: 'epsilon', event: { type: 'ExponentialMechanism', epsilon: '?' } },
      { ...ask, id: 'two', event: sampled('?', '?') },
      { ...ask, id: 'none of them', event: { type: 'RandomizedResponse', noise_parameter: 0.5, num_buckets: '?' } },
    ]);
    expect(answers[0]?.value).toBe(133);
    expect(answers[1]?.value).toBeGreaterThan(0.0999);
    expect(answers[1]?.value).toBeLessThan(0.102);
    expect(answers[2]?.value).toBeGreaterThanOrEqual(1.99);
    expect(answers.slice(3).map(({ error }) => error?.code)).toEqual(['usage/invalid', 'usage/invalid']);
  });

  it('writes infinity so that it can be read', () => {
    const [answer] = evaluateQueries([
      { ...base, event: { type: 'NonPrivate' }, query: 'epsilon_for_delta', delta: 1e-5 },
    ]);
    expect(JSON.parse(toJsonText(answer))).toMatchObject({ value: 'Infinity' });
  });
});

describe('tables and plots', () => {
  it('rounds bounds outwards', () => {
    expect(formatNumber(4.37717, 'up')).toBe('4.378');
    expect(formatNumber(4.37717, 'down')).toBe('4.377');
    expect(formatNumber(1.00049e-9, 'up')).toBe('1.001e-9');
    expect(formatNumber(9.99951, 'up')).toBe('10');
    expect(formatNumber(Infinity)).toBe('∞');
    expect(formatNumber(12_345)).toBe('12345');
    expect(
      formatTable(
        ['a', 'b'],
        [
          ['x', 1],
          ['long', 22],
        ],
      ),
    ).toBe('a      b\n────  ──\nx      1\nlong  22');
  });

  it('survive flat, empty-ended and single points', () => {
    const plot = { title: 'A & B', xLabel: 'x', yLabel: 'y', logY: true };
    for (const points of [
      [[1, 1]],
      [
        [0, 0],
        [1, 1e-3],
        [2, 1e-9],
      ],
      [
        [1, 5],
        [2, 5],
      ],
    ] as [number, number][][]) {
      const text = plotInTerminal({ ...plot, series: [{ name: 's', points }] });
      expect(text).toContain('●');
      const svg = plotAsSvg({ ...plot, series: [{ name: 's', points }] });
      expect(svg).toContain('A &amp; B');
      expect(svg).not.toMatch(/NaN|Infinity/);
    }
  });
});
