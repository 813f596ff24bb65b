import { readFileSync } from 'node:fs';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { addMasksInto, createKeystream, MASK_TILE_BYTES, type Mask } from './index.ts';

interface Vectors {
  pairwiseMasks: {
    bits: number;
    inputs: number[][];
    pairSeeds: { pair: [number, number]; seed: string; mask: number[] }[];
    masked: number[][];
  };
}

const { pairwiseMasks } = JSON.parse(
  readFileSync(new URL('../../../test/vectors/secagg/modular-packing.json', import.meta.url), 'utf8'),
) as Vectors;

/** The plain version: the stream from the keystream kernel, added word by word. */
function addMasksSlowly(target: Uint8Array, masks: readonly Mask[], wordBytes: number): void {
  const modulus = 1n << BigInt(8 * wordBytes);
  for (const { key, sign } of masks) {
    const stream = new Uint8Array(target.length);
    createKeystream(key).fill(stream);
    for (let at = 0; at < target.length; at += wordBytes) {
      let left = 0n;
      let right = 0n;
      for (let i = wordBytes - 1; i >= 0; i -= 1) {
        left = (left << 8n) | BigInt(target[at + i] as number);
        right = (right << 8n) | BigInt(stream[at + i] as number);
      }
      let sum = (((left + BigInt(sign) * right) % modulus) + modulus) % modulus;
      for (let i = 0; i < wordBytes; i += 1) {
        target[at + i] = Number(sum & 255n);
        sum >>= 8n;
      }
    }
  }
}

const widths = [
  ['u16', 2],
  ['u32', 4],
  ['u64', 8],
] as const;

describe('addMasksInto', () => {
  it.each(widths)('adds and subtracts ChaCha20 streams in %s words', (words, wordBytes) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 600 }),
        fc.array(fc.tuple(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.boolean()), { maxLength: 4 }),
        (entries, keys) => {
          const masks = keys.map(([key, negative]) => ({ key, sign: negative ? (-1 as const) : (1 as const) }));
          const fast = Uint8Array.from({ length: entries * wordBytes }, (_, i) => i * 37);
          const slow = fast.slice();
          addMasksInto(fast, masks, { words });
          addMasksSlowly(slow, masks, wordBytes);
          expect(fast).toEqual(slow);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('masks and cancels as the pairwise vector', () => {
    const reduce = (value: number) => value & (2 ** pairwiseMasks.bits - 1);
    pairwiseMasks.inputs.forEach((input, party) => {
      const vector = Uint32Array.from(input);
      const masks = pairwiseMasks.pairSeeds
        .filter(({ pair }) => pair.includes(party))
        .map(({ pair, seed }) => ({
          key: Uint8Array.from(Buffer.from(seed, 'hex')),
          sign: pair[0] === party ? (1 as const) : (-1 as const),
        }));
      addMasksInto(vector, masks, { words: 'u32' });
      expect(Array.from(vector, reduce)).toEqual(pairwiseMasks.masked[party]);
    });
  });

  it('gives the same bytes tile by tile, with more masks than one batch', () => {
    const masks = Array.from({ length: 300 }, (_, i) => ({
      key: Uint8Array.from({ length: 32 }, (__, j) => i * j),
      sign: i % 3 === 0 ? (-1 as const) : (1 as const),
    }));
    const whole = new Uint8Array(2 * MASK_TILE_BYTES + 40);
    const tiled = whole.slice();
    for (const cipher of ['chacha20', 'chacha12'] as const) {
      addMasksInto(whole, masks, { words: 'u32', cipher });
      for (let at = 0; at < tiled.length; at += MASK_TILE_BYTES) {
        addMasksInto(tiled.subarray(at, at + MASK_TILE_BYTES), masks, { words: 'u32', cipher, offsetBytes: at });
      }
      expect(tiled).toEqual(whole);
    }
  });

  it('expands ChaCha12 as the published keystream', () => {
    // draft-strombergson-chacha-test-vectors-00, TC1 (zero key and nonce), 12 rounds, 256-bit key, block 0.
    const stream = new Uint8Array(64);
    addMasksInto(stream, [{ key: new Uint8Array(32), sign: 1 }], { words: 'u32', cipher: 'chacha12' });
    expect(Buffer.from(stream).toString('hex')).toBe(
      '9bf49a6a0755f953811fce125f2683d50429c3bb49e074147e0089a52eae155f' +
        '0564f879d27ae3c02ce82834acfa8c793a629f2ca0de6919610be82f411326be',
    );
  });

  it('refuses short keys, offsets within a tile and endless streams', () => {
    const target = new Uint32Array(4);
    expect(() => addMasksInto(target, [{ key: new Uint8Array(31), sign: 1 }], { words: 'u32' })).toThrow(/32 bytes/);
    expect(() => addMasksInto(target, [], { words: 'u32', offsetBytes: 64 })).toThrow(/multiple/);
    expect(() => addMasksInto(target, [], { words: 'u32', offsetBytes: 2 ** 38 })).toThrow(/2\^32 blocks/);
  });
});
