import { afterEach, describe, expect, it, vi } from 'vitest';

import { UsageError } from './exit-codes.ts';
import { createSecaggCommand } from './secagg.ts';

afterEach(() => void vi.restoreAllMocks());

/** Runs the command in this process and returns what it printed. */
async function run(...args: string[]): Promise<string> {
  const lines: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  await createSecaggCommand().exitOverride().parseAsync(args, { from: 'user' });
  return lines.join('\n');
}

describe('sotto secagg plan', () => {
  it('prints parameters and costs', async () => {
    const text = await run('plan', '--participants', '1000', '--corrupt', '0.1', '--dropout', '0.1');
    expect(text).toContain('48 neighbours, threshold 27, at least 900 contributions in a sum');
    expect(text).toContain('against: honest-but-curious coordinator');
  });

  it('prints JSON alone, with noise where a budget is given', async () => {
    const text = await run(
      'plan',
      '--participants',
      '100',
      '--entries',
      '1000',
      '--epsilon',
      '4',
      '--attempts',
      '10',
      '--json',
    );
    const plan = JSON.parse(text) as { degree: number; entries: number; noise: Record<string, number> };
    expect(plan.degree).toBe(22);
    expect(plan.entries).toBe(1024);
    expect(plan.noise.noiseMultiplier).toBeGreaterThan(1);
    expect(plan.noise.bitWidth).toBeLessThan(24);
  });

  it('plans on the complete graph, against a malicious coordinator, with the hybrid', async () => {
    const text = await run('plan', '--participants', '20', '--complete', '--adversary', 'malicious', '--hybrid');
    expect(text).toContain('19 neighbours, threshold 12');
    expect(text).toContain('consistency');
  });

  it('lets everybody verify everybody where noise meets a malicious coordinator', async () => {
    const noisy = ['--participants', '60', '--entries', '500', '--epsilon', '4', '--adversary', 'malicious'];
    const plan = JSON.parse(await run('plan', ...noisy, '--json')) as { degree: number; noise: object };
    expect(plan.degree).toBeLessThan(59);
    expect(plan.noise).toBeDefined();
    await expect(run('plan', ...noisy, '--audit', '2')).rejects.toThrow('set "graph.auditCount" to');
  });

  it.each([
    ['--participants', '1'],
    ['--participants', '0.5'],
    ['--participants', '100', '--corrupt', '2'],
    ['--participants', '100', '--entries', '0'],
    ['--participants', '100', '--bits', '99'],
    ['--participants', '100', '--input-bits', '80'],
    ['--participants', '100', '--epsilon', '-1'],
  ])('calls %s %s %s %s a mistake of usage, and no defect', async (...args) => {
    await expect(run('plan', ...args)).rejects.toBeInstanceOf(UsageError);
  });

  it('refuses a plan whose losses leave fewer than a sum needs', async () => {
    await expect(run('plan', '--participants', '100', '--complete', '--dropout', '0.6')).rejects.toThrow(
      'leave 40 of 100 participants, and a sum needs 56',
    );
  });

  it('names what is wrong with its arguments', async () => {
    await expect(run('plan', '--participants', 'many')).rejects.toThrow('--participants must be a number, got "many"');
    await expect(run('plan', '--participants', '9', '--cipher', 'rot13')).rejects.toThrow('--cipher must be one of');
    await expect(run('plan', '--participants', '100', '--corrupt', '0.6', '--dropout', '0.6')).rejects.toMatchObject({
      code: 'secagg/unsafe-parameters',
    });
  });
});
