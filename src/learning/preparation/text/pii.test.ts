import { readFileSync } from 'node:fs';

import compromise from 'compromise';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../../foundations/random/index.ts';
import { createCompromiseRecognizer } from './compromise.ts';
import { CORE_ENTITIES, COUNTRY_ENTITIES, ENTITY_TYPES, type EntityType, type PiiSpan } from './entities.ts';
import { decryptPii, redactText, type PiiOperator } from './operators.ts';
import { resolveOverlaps } from './overlaps.ts';
import { createPiiScanner, PATTERN_RECOGNIZERS } from './scanner.ts';

interface Sentence {
  readonly text: string;
  readonly spans: readonly { type: EntityType; start: number; end: number }[];
}

/** Reads `Call me at [[PHONE_NUMBER|+1 415 555 2671]].` */
function parseSentence(line: string): Sentence {
  const spans: { type: EntityType; start: number; end: number }[] = [];
  let text = '';
  let at = 0;
  for (const match of line.matchAll(/\[\[([A-Z_]+)\|(.*?)\]\]/gsu)) {
    text += line.slice(at, match.index);
    spans.push({ type: match[1] as EntityType, start: text.length, end: text.length + (match[2] as string).length });
    text += match[2] as string;
    at = match.index + match[0].length;
  }
  return { text: text + line.slice(at), spans };
}

const sentences = readFileSync(new URL('../../../../test/vectors/pii/sentences.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => parseSentence(line.replaceAll('\\n', '\n')));
const harmless = sentences.filter(({ spans }) => spans.length === 0);

/** Strict recall with one recogniser on: the share of labelled spans that are found exactly. */
function recallOf(type: EntityType): number {
  const scanner = createPiiScanner({ entities: [type] });
  let found = 0;
  let wanted = 0;
  for (const { text, spans } of sentences) {
    const labels = spans.filter((span) => span.type === type);
    if (labels.length === 0) continue;
    const got = scanner.scan(text);
    wanted += labels.length;
    found += labels.filter(({ start, end }) => got.some((span) => span.start === start && span.end === end)).length;
  }
  return found / wanted;
}

function meanRecall(types: readonly EntityType[]): number {
  return types.reduce((sum, type) => sum + recallOf(type), 0) / types.length;
}

describe('the scanner on its labelled sentences', () => {
  it('has at least 300 of them, with every entity type and texts that must yield nothing', () => {
    expect(sentences.length).toBeGreaterThanOrEqual(300);
    expect(harmless.length).toBeGreaterThanOrEqual(100);
    const labelled = new Set(sentences.flatMap(({ spans }) => spans.map(({ type }) => type)));
    expect(ENTITY_TYPES.filter((type) => !labelled.has(type))).toEqual([]);
    const patterned = new Set(PATTERN_RECOGNIZERS.map(({ type }) => type));
    expect([...CORE_ENTITIES, ...COUNTRY_ENTITIES].filter((type) => !patterned.has(type))).toEqual([]);
  });

  it('finds at least 95 % of the core entities exactly', () => {
    expect(meanRecall(CORE_ENTITIES)).toBeGreaterThanOrEqual(0.95);
  });

  it('finds at least 85 % of the countries’ entities exactly', () => {
    expect(meanRecall(COUNTRY_ENTITIES)).toBeGreaterThanOrEqual(0.85);
  });

  it('raises at most 2 % false alarms, with all recognisers on', () => {
    const scanner = createPiiScanner();
    const alarms = harmless.filter(({ text }) => scanner.scan(text).length > 0);
    expect(alarms.length / harmless.length).toBeLessThanOrEqual(0.02);
  });

  it('gives type and span right for at least 95 % with all recognisers on at once', () => {
    const scanner = createPiiScanner();
    let right = 0;
    let wanted = 0;
    for (const { text, spans } of sentences) {
      const got = scanner.scan(text);
      wanted += spans.length;
      right += spans.filter((span) =>
        got.some(({ type, start, end }) => type === span.type && start === span.start && end === span.end),
      ).length;
    }
    expect(right / wanted).toBeGreaterThanOrEqual(0.95);
  });

  it('stays fast on hostile text: a megabyte of digits, of letters without spaces, of dots', () => {
    const scanner = createPiiScanner();
    for (const piece of ['0', '1-', 'aB3', 'a.', '1:', '(2', '@', 'http://', 'Aa ']) {
      const text = piece.repeat(Math.floor(150_000 / piece.length));
      const start = process.cpuUsage();
      scanner.scan(text);
      const { user, system } = process.cpuUsage(start);
      expect((user + system) / 1000).toBeLessThan(3000);
    }
  });
});

describe('patterns', () => {
  const found = (text: string, entity: EntityType, minScore = 0.4): string[] =>
    createPiiScanner({ entities: [entity], minScore })
      .scan(text)
      .map(({ start, end }) => text.slice(start, end));

  it('see addresses at the ends of what is valid', () => {
    expect(found('connecting from ::1', 'IP_ADDRESS')).toEqual(['::1']);
    expect(found('::1/128', 'IP_ADDRESS')).toEqual(['::1/128']);
    expect(found('10.0.0.0/123', 'IP_ADDRESS')).toEqual(['10.0.0.0']);
    expect(found('2001:db8::/9999', 'IP_ADDRESS')).toEqual(['2001:db8::']);
    expect(found('::ffff:256.0.0.1', 'IP_ADDRESS')).toEqual([]);
    expect(found('std::cout, ::, :::', 'IP_ADDRESS')).toEqual([]);
  });

  it('see days and months joined by a hyphen, and slashed ones where a word says that they are dates', () => {
    for (const date of ['May-21', '21-May', '05-May', 'May-2021', '5-May-2021', '5-20-2021'])
      expect(found(`Today is ${date}`, 'DATE_TIME')).toEqual([date]);
    expect(found('a ratio of 5/21 or 5/2021', 'DATE_TIME')).toEqual([]);
    expect(found('The card expires 05/21.', 'DATE_TIME')).toEqual(['05/21']);
    expect(found('date of issue: 5/2021', 'DATE_TIME')).toEqual(['5/2021']);
  });

  it('see the cards of airlines', () => {
    expect(found('my credit card: 122000000000003', 'CREDIT_CARD')).toEqual(['122000000000003']);
    expect(found('122000000000004', 'CREDIT_CARD')).toEqual([]);
  });
});

describe('offsets', () => {
  it('count UTF-16 code units, also behind letters beyond the BMP', () => {
    const scanner = createPiiScanner();
    fc.assert(
      fc.property(fc.array(fc.constantFrom('😀', '𝒜', '👩‍⚕️', 'é', '漢', ' ', '\n'), { maxLength: 30 }), (before) => {
        const prefix = `${before.join('')} `;
        const text = `${prefix}jane@example.com${before.join('')}`;
        const [span] = scanner.scan(text).filter(({ type }) => type === 'EMAIL_ADDRESS');
        return (
          span !== undefined && text.slice(span.start, span.end) === 'jane@example.com' && span.start === prefix.length
        );
      }),
    );
  });

  it('never cut a pair of surrogates, whatever the text', () => {
    const scanner = createPiiScanner();
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 80 }), (text) =>
        scanner
          .scan(text)
          .every(({ start, end }) => start < end && end <= text.length && text.slice(start, end).isWellFormed()),
      ),
    );
  });
});

describe('overlaps', () => {
  const span = (start: number, end: number, score: number): PiiSpan => ({ type: 'URL', start, end, score });

  it('leave the more certain, then the longer span', () => {
    expect(resolveOverlaps([span(0, 5, 0.5), span(3, 9, 0.9)])).toEqual([span(3, 9, 0.9)]);
    expect(resolveOverlaps([span(0, 5, 0.5), span(0, 9, 0.5)])).toEqual([span(0, 9, 0.5)]);
    expect(resolveOverlaps([span(0, 5, 0.5), span(5, 9, 0.9)])).toEqual([span(0, 5, 0.5), span(5, 9, 0.9)]);
  });

  it('are gone from any result, and every finding left out overlaps a better one', () => {
    const spans = fc.array(
      fc
        .tuple(fc.nat(60), fc.integer({ min: 1, max: 12 }), fc.constantFrom(0.4, 0.6, 1))
        .map(([start, size, score]) => span(start, start + size, score)),
      { maxLength: 25 },
    );
    fc.assert(
      fc.property(spans, (all) => {
        const kept = resolveOverlaps(all);
        const apart = kept.every((one, i) => i === 0 || (kept[i - 1] as PiiSpan).end <= one.start);
        const beaten = all.every((one) =>
          kept.some((other) => other.start < one.end && one.start < other.end && other.score >= one.score),
        );
        return apart && beaten;
      }),
    );
  });

  it('are reported when asked for', () => {
    const scanner = createPiiScanner({ overlaps: 'all' });
    const types = scanner.scan('My passport number is 912803456.').map(({ type }) => type);
    expect(types).toContain('US_PASSPORT');
    expect(types).toContain('UK_PASSPORT');
  });
});

describe('operators', () => {
  const text = 'Write to 𝒜jane@example.com or call +1 415 555 2671!';
  const spans = createPiiScanner().scan(text);
  const rewrite = (operator: PiiOperator): string =>
    redactText(text, spans, {
      operators: { EMAIL_ADDRESS: operator, default: { kind: 'keep' } },
      rng: createSeededRng('pii'),
    }).text;

  it('replace, redact, mask, hash, keep and do what a function says', () => {
    expect(redactText(text, spans).text).toBe('Write to 𝒜<EMAIL_ADDRESS> or call <PHONE_NUMBER>!');
    expect(rewrite({ kind: 'replace', with: '…' })).toBe('Write to 𝒜… or call +1 415 555 2671!');
    expect(rewrite({ kind: 'redact' })).toBe('Write to 𝒜 or call +1 415 555 2671!');
    expect(rewrite({ kind: 'mask', count: 4 })).toContain('𝒜****@example.com');
    expect(rewrite({ kind: 'mask', count: 11, fromEnd: true, character: '#' })).toContain('jane@###########');
    expect(rewrite({ kind: 'keep' })).toBe(text);
    expect(rewrite({ kind: 'custom', apply: (value, type) => `${type}:${value.length}` })).toContain(
      'EMAIL_ADDRESS:16',
    );
    const salt = new Uint8Array(16);
    expect(rewrite({ kind: 'hash', salt })).toMatch(/𝒜[0-9a-f]{64} or/);
    expect(rewrite({ kind: 'hash', algorithm: 'sha512', salt })).toMatch(/𝒜[0-9a-f]{128} or/);
  });

  it('encrypt so that the key alone reads it again', () => {
    const key = new Uint8Array(32).fill(3);
    const hidden = /pii1\.[\w-]+/.exec(rewrite({ kind: 'encrypt', key }))?.[0] ?? '';
    expect(decryptPii(hidden, { key })).toBe('jane@example.com');
    expect(() => decryptPii(hidden, { key: new Uint8Array(32) })).toThrowError(/does not authenticate/);
    expect(() => decryptPii('nothing', { key })).toThrowError(expect.objectContaining({ code: 'preparation/key' }));
  });

  it('say where the replacements are', () => {
    const { text: after, spans: places } = redactText(text, spans);
    expect(places.map(({ start, end }) => after.slice(start, end))).toEqual(['<EMAIL_ADDRESS>', '<PHONE_NUMBER>']);
  });

  it('refuse overlapping spans', () => {
    const span = { type: 'URL', start: 0, end: 4, score: 1 } as const;
    expect(() => redactText('abcdef', [span, { ...span, start: 2, end: 6 }])).toThrowError(RangeError);
  });
});

describe('compromise', () => {
  it('finds names the lists do not have, at their right places', () => {
    const text = '😀 Her lawyer, Xiomara Quispe, called twice.';
    const recognizers = [createCompromiseRecognizer(compromise as never)];
    const found = createPiiScanner({ entities: ['PERSON', 'LOCATION'], recognizers }).scan(text);
    expect(found.map(({ start, end }) => text.slice(start, end))).toContain('Xiomara Quispe');
  });
});

it('refuses an entity that does not exist', () => {
  expect(() => createPiiScanner({ entities: ['SHOE_SIZE' as EntityType] })).toThrowError(
    expect.objectContaining({ code: 'preparation/unknown-entity' }),
  );
});
