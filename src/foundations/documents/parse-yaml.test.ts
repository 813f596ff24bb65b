import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { parseYaml, type DocumentProblem } from './index.ts';

const shape = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('circle'), radius: z.number() }),
  z.strictObject({ kind: z.literal('square'), side: z.number().positive('must be > 0') }),
]);
const schema = z.strictObject({ title: z.string(), shapes: z.record(z.string(), shape).default({}) });

class Refusal extends Error {
  readonly problems: readonly DocumentProblem[];

  constructor(message: string, { problems }: { readonly problems: readonly DocumentProblem[] }) {
    super(message);
    this.problems = problems;
  }
}

function parse(text: string, overrides: Readonly<Record<string, unknown>> = {}) {
  return parseYaml(schema, text, {
    path: 'drawing.yaml',
    guide: { page: 'docs/drawing.md', subject: 'drawing' },
    overrides,
    refuse: (message, details) => new Refusal(message, details),
  });
}

describe('a document', () => {
  it('parses with the defaults and the overrides', () => {
    expect(parse('title: a\n')).toEqual({ title: 'a', shapes: {} });
    expect(parse('title: a\n', { title: 'b' }).title).toBe('b');
  });

  it.each([
    ['an unknown key', 'title: a\ntitel: b\n', 'drawing.yaml:2: titel is not a known key. Next: did you mean title?.'],
    ['a key that is missing', 'shapes: {}\n', 'drawing.yaml:1: title is missing. Next: add it: string.'],
    [
      'another type',
      'title: { a: 1 }\n',
      'drawing.yaml:1: title must be of type string, got a mapping or list. Next: change the value.',
    ],
    [
      'a choice that there is not, below a name of the writer’s own',
      'title: a\nshapes:\n  mine: { kind: cube }\n',
      'drawing.yaml:3: shapes.mine.kind must be one of circle, square, got "cube". Next: see docs/drawing.md, "shapes".',
    ],
    [
      'a value out of its range',
      'title: a\nshapes:\n  mine: { kind: square, side: -1 }\n',
      'drawing.yaml:3: shapes.mine.side must be > 0, got -1. Next: see docs/drawing.md, "shapes".',
    ],
    [
      'the key of a choice that was not made',
      'title: a\nshapes:\n  mine: { kind: square, side: 1, sidee: 2 }\n',
      'drawing.yaml:3: shapes.mine.sidee is not a known key. Next: did you mean side?.',
    ],
    ['no YAML', 'title: [\n', /^drawing\.yaml:2: is not YAML: .*\. Next: mend the syntax\.$/],
    ['an alias of nothing', 'title: *a\n', /^drawing\.yaml:1: is not YAML: .*\. Next: mend the syntax\.$/],
  ])('with %s is refused with the line and what to do', (_name, text, message) => {
    expect(() => parse(text)).toThrow(Refusal);
    expect(() => parse(text)).toThrow(message);
  });

  it('is refused where an override would go below what is no mapping', () => {
    expect(() => parse('title: a\nshapes: 3\n', { 'shapes.mine': 1 })).toThrow(
      'drawing.yaml:2: shapes must be a mapping of keys to values. Next: give it keys, or leave it out.',
    );
  });

  it('gives every problem as data, one a line of the message', () => {
    let refusal: unknown;
    try {
      parse('titel: b\nshapes: 3\n');
    } catch (error) {
      refusal = error;
    }
    const { message, problems } = refusal as Refusal;
    expect(message.split('\n')).toHaveLength(3);
    expect(problems.map(({ line, key }) => ({ line, key }))).toEqual([
      { line: 1, key: 'title' },
      { line: 2, key: 'shapes' },
      { line: 1, key: 'titel' },
    ]);
  });
});
