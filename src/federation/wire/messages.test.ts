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

  it('have one encoding only: whatever decodes, encodes to the same bytes again', () => {
    const ids = fc.oneof(fc.string(), fc.constantFrom('', 'a', 'x'.repeat(23), 'x'.repeat(24), 'x'.repeat(256)));
    const numbers = fc.oneof(fc.nat(), fc.constantFrom(0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32));
    const change = fc.record({ at: fc.nat(400), to: fc.nat(255), kind: fc.constantFrom('set', 'insert', 'drop') });
    fc.assert(
      fc.property(
        fc.constantFrom('aggregation' as const, 'sealed' as const),
        fc.record({ taskId: ids, round: numbers, attempt: numbers }),
        fc.oneof(bytes, fc.constantFrom(new Uint8Array(255), new Uint8Array(256), new Uint8Array(65_536))),
        change,
        (kind, where, payload, { at, to, kind: how }) => {
          const whole = encodeMessage({ kind, ...where, payload });
          expect(decodeMessage(whole)).toEqual({ kind, ...where, payload });
          const changed = [...whole.subarray(0, 500)];
          if (how === 'set') changed[at % changed.length] = to;
          else changed.splice(at % changed.length, how === 'drop' ? 1 : 0, ...(how === 'drop' ? [] : [to]));
          const other = Buffer.concat([Uint8Array.from(changed), whole.subarray(500)]);
          let read: Message;
          try {
            read = decodeMessage(other);
          } catch (error) {
            expect(error).toBeInstanceOf(WireError);
            return;
          }
          expect(Buffer.compare(encodeMessage(read), other)).toBe(0);
        },
      ),
      { numRuns: 500 },
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
