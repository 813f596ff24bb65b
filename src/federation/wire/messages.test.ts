import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodeMessage, encodeMessage, type Message, WireError } from './index.ts';

const address = fc.record({ taskId: fc.string(), round: fc.nat(), attempt: fc.nat() });
const bytes = fc.uint8Array({ maxLength: 64 });
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const message: fc.Arbitrary<Message> = fc.oneof(
  fc
    .tuple(address, digest, digest, fc.array(fc.string(), { maxLength: 5 }), bytes)
    .map(([a, planDigest, modelDigest, cohort, parameters]) => ({
      kind: 'round-offer' as const,
      ...a,
      planDigest,
      modelDigest,
      cohort,
      parameters,
    })),
  fc.tuple(address, bytes).map(([a, payload]) => ({ kind: 'aggregation' as const, ...a, payload })),
  fc.tuple(address, bytes).map(([a, payload]) => ({ kind: 'sealed' as const, ...a, payload })),
  fc
    .tuple(address, fc.constantFrom('committed' as const, 'aborted' as const))
    .map(([a, outcome]) => ({ kind: 'round-closed' as const, ...a, outcome })),
);

describe('messages', () => {
  it('decode to what was encoded', () => {
    fc.assert(
      fc.property(message, (original) => {
        expect(decodeMessage(encodeMessage(original))).toEqual(original);
      }),
    );
  });

  it('are refused, typed, when truncated, extended or replaced by noise', () => {
    fc.assert(
      fc.property(message, bytes, (original, noise) => {
        const encoded = encodeMessage(original);
        for (const bad of [encoded.subarray(0, encoded.length - 1), Uint8Array.of(...encoded, 0), noise]) {
          expect(() => decodeMessage(bad)).toThrow(WireError);
        }
      }),
    );
  });

  it('have one encoding only: a longer form of a number is refused', () => {
    const encoded = encodeMessage({
      kind: 'aggregation',
      taskId: 't',
      round: 1,
      attempt: 2,
      payload: new Uint8Array(),
    });
    const at = encoded.length - 3;
    expect(encoded[at]).toBe(1);
    const longer = Uint8Array.of(...encoded.subarray(0, at), 0x18, 0x01, ...encoded.subarray(at + 1));
    expect(() => decodeMessage(longer)).toThrow(WireError);
  });

  it('of another version are refused with the version this side speaks', () => {
    const encoded = encodeMessage({
      kind: 'aggregation',
      taskId: 't',
      round: 1,
      attempt: 2,
      payload: new Uint8Array(),
    });
    encoded[1] = 9;
    expect(() => decodeMessage(encoded)).toThrow(expect.objectContaining({ code: 'wire/unsupported-version' }));
  });
});
