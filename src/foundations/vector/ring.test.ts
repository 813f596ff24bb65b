import { readFileSync } from 'node:fs';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { fromHex, toHex } from '../crypto/index.ts';
import {
  addPackedInto,
  addRingInto,
  assertResidues,
  createRing,
  decodeRing,
  decodeRingWide,
  encodeRing,
  encodeRingWide,
  packBits,
  packedLength,
  subtractRingInto,
  unpackBits,
} from './index.ts';

interface PackingVectors {
  bitPacking: { cases: { bits: number; values: number[]; bytes: string }[] };
  modularSum: {
    cases: {
      modulus: number;
      clients: number[][];
      residues: number[][];
      sumResidues: number[];
      centredLift: number[];
      overflowed: boolean;
    }[];
  };
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/secagg/modular-packing.json', import.meta.url), 'utf8'),
) as PackingVectors;

/** Residues in u32 words from ordinary numbers below 2^53. */
function words(values: readonly number[], limbs: number): Uint32Array {
  if (limbs === 1) return Uint32Array.from(values);
  return Uint32Array.from(values.flatMap((value) => [value % 2 ** 32, Math.floor(value / 2 ** 32)]));
}

describe('bit packing', () => {
  it.each(vectors.bitPacking.cases)('packs $bits bits as the vector says, and back', ({ bits, values, bytes }) => {
    const ring = createRing({ bitWidth: bits });
    const residues = words(values, ring.limbs);
    expect(toHex(packBits(residues, ring))).toBe(bytes);
    expect(unpackBits(fromHex(bytes), ring, values.length)).toEqual(residues);
  });

  it('is the identity after unpacking, at every width', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 64 }),
        fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { maxLength: 70 }),
        (bitWidth, values) => {
          const ring = createRing({ bitWidth });
          const residues = new Uint32Array(values.length * ring.limbs);
          values.forEach((value, i) => {
            const residue = value % ring.modulus;
            residues[i * ring.limbs] = Number(residue & 0xffffffffn);
            if (ring.limbs === 2) residues[i * 2 + 1] = Number(residue >> 32n);
          });
          const packed = packBits(residues, ring);
          expect(packed.length).toBe(packedLength(values.length, ring));
          expect(() => assertResidues(residues, ring, values.length)).not.toThrow();
          expect(unpackBits(packed, ring, values.length)).toEqual(residues);
          const doubled = residues.slice();
          addPackedInto(doubled, packed, ring);
          const expected = residues.slice();
          addRingInto(expected, residues, ring);
          expect(doubled).toEqual(expected);
        },
      ),
    );
  });

  it('refuses a residue that does not fit, a wrong length and a set padding bit', () => {
    const ring = createRing({ bitWidth: 5 });
    expect(() => packBits(Uint32Array.of(1, 32), ring)).toThrow(RangeError);
    expect(() => packBits(Uint32Array.of(0, 2 ** 8), createRing({ bitWidth: 40 }))).toThrow(RangeError);
    expect(() => unpackBits(Uint8Array.of(1), ring, 2)).toThrow(/must be 2 bytes/);
    expect(() => unpackBits(Uint8Array.of(1, 0x80), ring, 2)).toThrow(/padding/);
    expect(() => assertResidues(Uint32Array.of(1, 32), ring, 2)).toThrow(/entry 1/);
    expect(() => assertResidues(Uint32Array.of(1), ring, 2)).toThrow(/2 words/);
    expect(() => createRing({ bitWidth: 65 })).toThrow(RangeError);
  });
});

describe('rings', () => {
  const powers = vectors.modularSum.cases.filter(({ modulus }) => Number.isInteger(Math.log2(modulus)));

  it.each(powers)('sums modulo $modulus and lifts as the vector says', (row) => {
    const ring = createRing({ bitWidth: Math.log2(row.modulus) });
    const sum = new Uint32Array(row.sumResidues.length);
    row.clients.forEach((client, i) => {
      const residues = encodeRing(Int32Array.from(client), ring);
      expect([...residues]).toEqual(row.residues[i]);
      addRingInto(sum, residues, ring);
    });
    expect([...sum]).toEqual(row.sumResidues);
    expect([...decodeRing(sum, ring)]).toEqual(row.centredLift);
  });

  it('agrees with bigint arithmetic at every width', () => {
    const value = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), value, value, (bitWidth, left, right) => {
        const ring = createRing({ bitWidth });
        const lift = (x: bigint) => BigInt.asIntN(bitWidth, x);
        const sum = encodeRingWide(BigInt64Array.of(left), ring);
        const other = encodeRingWide(BigInt64Array.of(right), ring);
        addRingInto(sum, other, ring);
        expect(decodeRingWide(sum, ring)[0]).toBe(lift(left + right));
        expect(decodeRing(sum, ring)[0]).toBe(Number(lift(left + right)));
        subtractRingInto(sum, other, ring);
        subtractRingInto(sum, other, ring);
        expect(decodeRingWide(sum, ring)[0]).toBe(lift(left - right));
      }),
    );
  });

  it('encodes int32 alike in narrow and wide form', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.array(fc.integer()), (bitWidth, values) => {
        const ring = createRing({ bitWidth });
        const narrow = encodeRing(Int32Array.from(values), ring);
        expect(encodeRingWide(BigInt64Array.from(values.map(BigInt)), ring)).toEqual(narrow);
      }),
    );
  });
});
