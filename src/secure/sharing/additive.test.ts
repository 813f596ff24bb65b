import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createRing } from '../../foundations/vector/index.ts';
import { assertFits, assertRejected, chiSquareTest, createTestRng } from '../../../test/statistical/assert.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import {
  addShareInto,
  additiveSplitBytes,
  joinAdditive,
  joinAdditiveField,
  splitAdditive,
  splitAdditiveField,
} from './additive.ts';
import { createPrimeField } from './field.ts';
import { createFixedPoint } from './fixed-point.ts';
import { addReplicated, joinReplicated, splitReplicated } from './replicated.ts';

const residuesOf = (entries: number, bitWidth: number, seed: string) => {
  const ring = createRing({ bitWidth });
  const words = new Uint32Array(createSeededRng(seed).bytes(4 * entries * ring.limbs).buffer);
  const top = bitWidth % 32 === 0 ? -1 : (1 << (bitWidth % 32)) - 1;
  for (let i = ring.limbs - 1; i < words.length; i += ring.limbs) words[i] = (words[i] as number) & top;
  return { ring, words };
};

/** Counts of the bytes of a vector. */
const byteCounts = (words: Uint32Array) => {
  const counts = Array.from({ length: 256 }, () => 0);
  for (const byte of new Uint8Array(words.buffer, words.byteOffset, words.byteLength))
    counts[byte] = (counts[byte] as number) + 1;
  return counts;
};
const uniform = Array.from({ length: 256 }, () => 1 / 256);

describe('additive sharing over a ring', () => {
  it('joins to the secret for every ring, length and number of parties', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(8, 16, 23, 32, 40, 64),
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 2, max: 9 }),
        (bitWidth, entries, parties) => {
          const { ring, words } = residuesOf(entries, bitWidth, `${entries}`);
          const shares = splitAdditive(words, { ring, parties }, createSeededRng('split'));
          expect(joinAdditive(shares, { ring, entries })).toEqual(words);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('joins to the secret with the bytes it was bound to, and to noise with others', () => {
    const ring = createRing({ bitWidth: 32 });
    const secret = new Uint32Array(2000).fill(7);
    const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const shares = splitAdditive(secret, { ring, parties: 3, binding: a }, createTestRng('binding'));
    const join = (binding?: Uint8Array) => {
      const sum = new Uint32Array(secret.length);
      for (const share of shares) addShareInto(sum, share, ring, binding);
      return sum;
    };
    expect(join(a)).toEqual(secret);
    for (const other of [b, undefined]) expect(join(other).filter((word) => word === 7).length).toBeLessThan(3);
  });

  it('sends m + 16 (n − 1) bytes', () => {
    const { ring, words } = residuesOf(1000, 32, 'bytes');
    const shares = splitAdditive(words, { ring, parties: 5 }, createSeededRng('x'));
    const sent = shares.reduce(
      (sum, share) => sum + (share.kind === 'seed' ? share.seed.length : share.residues.byteLength),
      0,
    );
    expect(sent).toBe(4000 + 16 * 4);
    expect(additiveSplitBytes({ ring, entries: 1000, parties: 5 })).toBe(sent);
  });

  it('shows nothing to any unqualified set: every n − 1 shares are uniform, all n are not', () => {
    const entries = 50_000;
    const ring = createRing({ bitWidth: 32 });
    const secret = new Uint32Array(entries).fill(42);
    const shares = splitAdditive(secret, { ring, parties: 3 }, createTestRng('unqualified'));
    for (let missing = 0; missing < 3; missing += 1) {
      const seen = shares.filter((_, party) => party !== missing);
      for (const share of seen)
        assertFits(chiSquareTest(byteCounts(joinAdditive([share], { ring, entries })), uniform));
      assertFits(chiSquareTest(byteCounts(joinAdditive(seen, { ring, entries })), uniform));
    }
    assertRejected(chiSquareTest(byteCounts(joinAdditive(shares, { ring, entries })), uniform));
  });

  it('has a planted fault that the same test sees: shares of a biased generator', () => {
    const biased = createTestRng('biased')
      .bytes(200_000)
      .map((byte) => byte & 0x7f);
    assertRejected(chiSquareTest(byteCounts(new Uint32Array(biased.buffer)), uniform));
  });

  it('refuses what is not a residue or a seed', () => {
    const ring = createRing({ bitWidth: 16 });
    expect(() => splitAdditive(Uint32Array.of(65_536), { ring, parties: 2 }, createSeededRng('x'))).toThrow(RangeError);
    expect(() => joinAdditive([{ kind: 'seed', seed: new Uint8Array(15) }], { ring, entries: 1 })).toThrow(/16 bytes/);
    expect(() => joinAdditive([{ kind: 'residues', residues: new Uint32Array(2) }], { ring, entries: 1 })).toThrow(
      /share is not/,
    );
  });
});

describe('additive sharing over a prime field', () => {
  it('joins to the secret and hides it from all but one party', () => {
    const field = createPrimeField(257n);
    const secrets = Array.from({ length: 20_000 }, () => 5n);
    const shares = splitAdditiveField(secrets, { field, parties: 3 }, createTestRng('field'));
    expect(joinAdditiveField(shares, field)).toEqual(secrets);
    const counts = Array.from({ length: 257 }, () => 0);
    const probabilities = counts.map(() => 1 / 257);
    for (let i = 0; i < secrets.length; i += 1) {
      const two = Number(field.reduce((shares[0]?.[i] as bigint) + (shares[2]?.[i] as bigint)));
      counts[two] = (counts[two] as number) + 1;
    }
    assertFits(chiSquareTest(counts, probabilities));
    const [first, second, third] = shares as [bigint[], bigint[], bigint[]];
    expect(() => joinAdditiveField([first, second, third.slice(1)], field)).toThrow(
      expect.objectContaining({ code: 'sharing/inconsistent' }),
    );
    expect(() => joinAdditiveField([first, second, third.with(0, 257n)], field)).toThrow(
      expect.objectContaining({ code: 'sharing/not-an-element' }),
    );
    expect(() => splitAdditiveField([257n], { field, parties: 2 }, createSeededRng('x'))).toThrow(
      /element of the field/,
    );
  });
});

describe('replicated sharing', () => {
  it('joins from every two parties, adds locally, and one party alone sees uniform words', () => {
    for (const bitWidth of [32, 64]) {
      const { ring, words } = residuesOf(4096, bitWidth, 'replicated');
      const shares = splitReplicated(words, ring, createTestRng(`replicated ${bitWidth}`));
      const doubled = shares.map((share) => addReplicated(share, share, ring));
      const twice = joinAdditive(
        [
          { kind: 'residues', residues: words },
          { kind: 'residues', residues: words },
        ],
        { ring, entries: 4096 },
      );
      for (const missing of [0, 1, 2]) {
        expect(
          joinReplicated(
            shares.filter(({ party }) => party !== missing),
            ring,
          ),
        ).toEqual(words);
        expect(
          joinReplicated(
            doubled.filter(({ party }) => party !== missing),
            ring,
          ),
        ).toEqual(twice);
      }
      for (const { own, next } of shares) {
        assertFits(chiSquareTest(byteCounts(own), uniform));
        assertFits(chiSquareTest(byteCounts(next), uniform));
      }
      expect(() => joinReplicated(shares.slice(0, 1), ring)).toThrow(
        expect.objectContaining({ code: 'sharing/too-few-shares' }),
      );
    }
  });

  it('sees two holders of a component disagree', () => {
    const { ring, words } = residuesOf(4, 32, 'tampered');
    const shares = splitReplicated(words, ring, createSeededRng('x'));
    (shares[1] as { own: Uint32Array }).own[0] = 1;
    expect(() => joinReplicated(shares, ring)).toThrow(expect.objectContaining({ code: 'sharing/inconsistent' }));
  });
});

describe('fixed point', () => {
  it('decodes sums exactly as long as the head-room it proved is kept', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<32 | 64>(32, 64),
        fc.array(fc.double({ min: -8, max: 8, noNaN: true }), { minLength: 1, maxLength: 20 }),
        (bitWidth, values) => {
          const codec = createFixedPoint({ bitWidth, fractionBits: 16, clampRange: 8, addends: 20 });
          const shares = values.map((value) => ({ kind: 'residues' as const, residues: codec.encode([value]) }));
          const sum = codec.decode(joinAdditive(shares, { ring: codec.ring, entries: 1 }))[0] as number;
          expect(Math.abs(sum - values.reduce((a, b) => a + b, 0))).toBeLessThanOrEqual(
            values.length * codec.maxError + 1e-12,
          );
        },
      ),
    );
  });

  it('refuses overflow of the sum when made and of a value when encoded, and clamps only when told', () => {
    expect(() => createFixedPoint({ bitWidth: 32, fractionBits: 16, clampRange: 8, addends: 4096 })).toThrow(
      expect.objectContaining({ code: 'sharing/overflow' }),
    );
    const codec = createFixedPoint({ bitWidth: 32, fractionBits: 16, clampRange: 8, addends: 100 });
    for (const value of [8.001, -9, Number.NaN, Infinity]) {
      expect(() => codec.encode([0, value])).toThrow(
        expect.objectContaining({ code: 'sharing/overflow', details: { entry: 1, clampRange: 8 } }),
      );
    }
    const clamping = createFixedPoint({
      bitWidth: 32,
      fractionBits: 16,
      clampRange: 8,
      addends: 100,
      onOverflow: 'clamp',
    });
    expect([...clamping.decode(clamping.encode([9, -1e9, Infinity]))]).toEqual([8, -8, 8]);
    expect(() => clamping.encode([Number.NaN])).toThrow(/not a number/);
  });

  it('rounds ties to even', () => {
    const codec = createFixedPoint({ bitWidth: 64, fractionBits: 0, clampRange: 10, addends: 1 });
    expect([...codec.decode(codec.encode([0.5, 1.5, 2.5, -0.5, -1.5]))]).toEqual([0, 2, 2, 0, -2]);
  });
});
