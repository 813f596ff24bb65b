import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import type { DocumentProblem } from '../../foundations/documents/index.ts';
import { formatTaskFile, parseTaskFile, TaskError } from './index.ts';

const digits = readFileSync(new URL('../../../examples/digits/task.yaml', import.meta.url), 'utf8');

function problemsOf(text: string, overrides?: Record<string, unknown>): readonly DocumentProblem[] {
  try {
    parseTaskFile(text, { path: 'task.yaml', ...(overrides && { overrides }) });
  } catch (error) {
    if (!(error instanceof TaskError)) throw error;
    expect(error.code).toBe('task/file');
    return error.details.problems as DocumentProblem[];
  }
  throw new Error('the task file was accepted');
}

function lineOf(text: string, part: string): number {
  return text.slice(0, text.indexOf(part)).split('\n').length;
}

describe('a task file', () => {
  it('of the digits example parses, and means the same after being written back', () => {
    const task = parseTaskFile(digits, { path: 'task.yaml' });
    expect(task.participants).toBe(20);
    expect(parseTaskFile(formatTaskFile(task), { path: 'resolved.yaml' })).toEqual(task);
  });

  it('takes values of the command line, and refuses them by the same rules', () => {
    const task = parseTaskFile(digits, {
      path: 'task.yaml',
      overrides: { 'training.rounds': 3, 'simulation.seed': 'x' },
    });
    expect([task.training.rounds, task.simulation.seed]).toEqual([3, 'x']);
    expect(problemsOf(digits, { 'training.rounds': 0 })[0]?.key).toBe('training.rounds');
  });

  it.each([
    ['an unknown key', 'epsilon: 3', 'epsilonn: 3', 'epsilonn', /did you mean epsilon/],
    ['a wrong type', 'participants: 20', 'participants: many', 'participants', /change the value/],
    ['a wrong choice', 'trust: nobody', 'trust: everybody', 'trust', /see docs/],
    ['a number out of range', 'delta: 1.0e-5', 'delta: 2', 'delta', /see docs/],
  ])('with %s is refused with line, key, rule and next step', (_, good, bad, key, next) => {
    const text = digits.replace(good, bad);
    const problem = problemsOf(text).find((each) => each.key.endsWith(key));
    expect(problem).toBeDefined();
    expect(problem?.line).toBe(lineOf(text, bad));
    expect(problem?.rule).not.toBe('');
    expect(problem?.next).toMatch(next);
  });

  it('suggests only keys of the choice that the file has made', () => {
    const privacy = 'privacy:\n  trust: off\n  aggregation: { kind: clear }\n  epsilon: 3\n';
    const text = digits.replace(/privacy:\n[\s\S]*?\n\n/, `${privacy}\n`);
    expect(problemsOf(text)).toEqual([
      expect.objectContaining({
        key: 'privacy.epsilon',
        line: lineOf(text, '  epsilon: 3'),
        next: 'remove it, or use one of trust, aggregation',
      }),
    ]);
  });

  it('with a missing key names it', () => {
    const problems = problemsOf(digits.replace(/ {2}epsilon: 3\n/, ''));
    expect(problems.some(({ key, rule }) => key === 'privacy.epsilon' && rule === 'is missing')).toBe(true);
  });

  it('that is not YAML is refused with the line', () => {
    const text = digits.replace('participants: 20', 'participants: [20');
    expect(problemsOf(text)[0]?.rule).toMatch(/not YAML/);
  });

  it('whose combination gives no guarantee does not parse', () => {
    const clear = digits.replace(
      'aggregation: { kind: secagg, threshold: 15, stageTimeoutMs: 10000 }',
      'aggregation: { kind: clear }',
    );
    expect(problemsOf(clear).some(({ key }) => key.startsWith('privacy.aggregation'))).toBe(true);
    const weak = problemsOf(digits.replace('threshold: 15', 'threshold: 10'));
    expect(weak[0]).toMatchObject({ key: 'privacy.aggregation.threshold', line: lineOf(digits, 'aggregation:') });
    expect(weak[0]?.rule).toMatch(/\[11, 20\]/);
  });

  it('names its file and line in the message, one line a problem', () => {
    try {
      parseTaskFile(digits.replace('epsilon: 3', 'epsilon: -3').replace('alpha: 0.5', 'alpha: 0'), { path: 'my.yaml' });
      expect.unreachable();
    } catch (error) {
      const lines = (error as TaskError).message.split('\n');
      expect(lines).toHaveLength(2);
      for (const line of lines) expect(line).toMatch(/^my\.yaml:\d+: [\w.]+ .+\. Next: .+\.$/);
    }
  });
});
