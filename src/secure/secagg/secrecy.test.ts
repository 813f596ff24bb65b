import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createIdentities, memberIds, runRound, type RoundScript } from '../../../test/support/secagg-round.ts';
import {
  createNobleProvider,
  cryptoProvider,
  sha256,
  toHex,
  withCryptoProvider,
} from '../../foundations/crypto/index.ts';
import { createSeededRng, type Rng } from '../../foundations/random/index.ts';
import { createRing, unpackBits } from '../../foundations/vector/index.ts';
import { SottoError } from '../../foundations/numerics/index.ts';
import { createSecAggSetup, type SecAggConfig } from './index.ts';
import { FRAME_BYTES, MESSAGE_KINDS } from './messages.ts';

const ids = memberIds(4);

function config(options: Partial<SecAggConfig> = {}): SecAggConfig {
  return {
    taskId: 'secrecy',
    round: 0,
    attempt: 0,
    bitWidth: 32,
    entries: 8,
    threshold: 3,
    maxCorrupt: 0,
    configDigest: new Uint8Array(32),
    adversary: 'malicious-coordinator',
    ...options,
  };
}

/** Inputs that nobody would meet by chance. */
const canaries = new Map(ids.map((id, i) => [id, new Uint32Array(8).fill(0xca_fe_00_01 + 0x10 * i)]));

/** An rng that remembers what it gave out, so that every secret of a round can be searched for. */
function recording(rng: Rng, secrets: Uint8Array[]): Rng {
  const note = (bytes: Uint8Array) => {
    // The top bit of a field element is cleared by its sampler; the middle of what was drawn stays.
    if (bytes.length >= 16) secrets.push(bytes.slice(4, 16));
    return bytes;
  };
  return {
    seeded: rng.seeded,
    fill: (out) => {
      rng.fill(out);
      note(out);
    },
    bytes: (count) => note(rng.bytes(count)),
    uint32: () => rng.uint32(),
    uint64: () => rng.uint64(),
    fork: (label) => recording(rng.fork(label), secrets),
  };
}

/** Everything an error could tell somebody. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const details = error instanceof SottoError ? JSON.stringify(error.details) : '';
  return `${error.message} ${details} ${error.stack} ${error.cause === undefined ? '' : textOf(error.cause)}`;
}

describe('a masked vector', () => {
  it('is uniform by itself: χ² over its bytes, for a constant input', () => {
    const rng = createSeededRng('uniform vectors');
    const entries = 40_000;
    const inputs = new Map(ids.map((id) => [id, new Uint32Array(entries).fill(5)]));
    for (const bitWidth of [8, 20, 32]) {
      const counts = new Float64Array(256);
      const wire: RoundScript['wire'] = ({ from, message }) => {
        if (from === 'p0001' && message[1] === MESSAGE_KINDS.maskedInput) {
          for (const byte of message.subarray(FRAME_BYTES, FRAME_BYTES + entries))
            counts[byte] = (counts[byte] as number) + 1;
        }
        return message;
      };
      runRound({ config: config({ bitWidth, entries, adversary: 'honest-but-curious' }), inputs, rng, wire });
      const expected = entries / 256;
      const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
      // Upper 1e-6 quantile of χ² with 255 degrees of freedom is 376; the clear vector would give millions.
      expect(statistic).toBeLessThan(376);
    }
  });

  it('shares no word with another round of the same task, nor with another member', () => {
    const rng = createSeededRng('no reuse');
    const setups = new Map(ids.map((id) => [id, createSecAggSetup({ taskId: 'secrecy', rng })]));
    const ring = createRing({ bitWidth: 32 });
    const seen = new Set<number>();
    for (let round = 0; round < 3; round += 1) {
      const wire: RoundScript['wire'] = ({ message }) => {
        if (message[1] === MESSAGE_KINDS.maskedInput) {
          for (const word of unpackBits(message.subarray(FRAME_BYTES), ring, 10)) seen.add(word);
        }
        return message;
      };
      const settings = config({ round, setup: 'task', adversary: 'honest-but-curious' });
      runRound({ config: settings, inputs: new Map(ids.map((id) => [id, new Uint32Array(8)])), rng, setups, wire });
    }
    // 3 rounds × 4 members × 10 words, all different (a chance repetition has probability 2^-18).
    expect(seen.size).toBe(120);
  });
});

describe('fuzzed messages', () => {
  const mutation = fc.record({
    at: fc.nat(40),
    kind: fc.constantFrom('flip', 'cut', 'extend', 'zero', 'swap', 'repeat'),
    position: fc.double({ min: 0, max: 1, noNaN: true }),
    bit: fc.nat(7),
  });

  it('never crash a state machine, and no secret or input leaves in a byte or an error', () => {
    const base = createSeededRng('fuzz');
    const { identities, admission } = createIdentities(ids, base);
    let refused = 0;
    fc.assert(
      fc.property(mutation, fc.constantFrom('honest-but-curious', 'malicious-coordinator'), (change, adversary) => {
        const secrets: Uint8Array[] = [];
        const rng = recording(base, secrets);
        const outgoing: Uint8Array[] = [];
        let count = 0;
        let previous: Uint8Array = Uint8Array.of(1);
        const wire: RoundScript['wire'] = ({ from, message }) => {
          if (from !== 'coordinator') outgoing.push(message);
          const mine = count === change.at;
          count += 1;
          const before = previous;
          previous = message;
          if (!mine) return message;
          const where = Math.min(message.length - 1, Math.floor(change.position * message.length));
          switch (change.kind) {
            case 'cut':
              return message.slice(0, where);
            case 'extend':
              return Uint8Array.from([...message, change.bit]);
            case 'zero':
              return message.slice().fill(0, where);
            case 'swap':
              return before;
            case 'repeat':
              return Uint8Array.from([...message, ...message]);
            default: {
              const changed = message.slice();
              changed[where] = (changed[where] as number) ^ (1 << change.bit);
              return changed;
            }
          }
        };
        let text = '';
        let crash: unknown;
        try {
          const { result } = runRound({
            config: config({ adversary: adversary as SecAggConfig['adversary'] }),
            inputs: canaries,
            rng,
            identities,
            policy: { admission },
            wire,
          });
          text = JSON.stringify(result.dropouts);
        } catch (error) {
          refused += 1;
          // Every refusal has a name; anything else is a crash.
          if (!(error instanceof SottoError && error.code.startsWith('secagg/'))) crash = error;
          text = textOf(error);
        }
        expect(crash).toBeUndefined();
        for (const secret of secrets) {
          expect(text.includes(toHex(secret))).toBe(false);
          for (const bytes of outgoing) expect(Buffer.from(bytes).includes(Buffer.from(secret))).toBe(false);
        }
        for (const input of canaries.values()) {
          const pair = Buffer.from(new Uint8Array(input.buffer, 0, 8));
          expect(text.includes(String(input[0]))).toBe(false);
          for (const bytes of outgoing) expect(Buffer.from(bytes).includes(pair)).toBe(false);
        }
      }),
      { numRuns: 150 },
    );
    expect(refused).toBeGreaterThan(50);
  });

  it('would find a canary: the search sees an unmasked vector', () => {
    const input = canaries.get('p0000') as Uint32Array;
    const clear = Buffer.from(new Uint8Array(input.buffer));
    expect(clear.includes(Buffer.from(new Uint8Array(input.buffer, 0, 8)))).toBe(true);
  });
});

describe('the transcript', () => {
  /** Hash of every message of a round, in order. */
  function transcript(settings: SecAggConfig): string {
    const rng = createSeededRng('transcript');
    const { identities, admission } = createIdentities(ids, rng);
    const hashes: Uint8Array[] = [];
    const wire: RoundScript['wire'] = ({ message }) => {
      hashes.push(sha256(message));
      return message;
    };
    const lostIn = new Map([['p0002', 'maskedInput' as const]]);
    runRound({ config: settings, inputs: canaries, rng, identities, policy: { admission }, wire, lostIn });
    return toHex(sha256(...hashes));
  }

  it.each([config(), config({ adversary: 'honest-but-curious' }), config({ keyAgreement: 'x25519-mlkem768' })])(
    'has the same bytes on OpenSSL and on noble',
    (settings) => {
      const onNoble = withCryptoProvider(createNobleProvider(), () => transcript(settings));
      expect(cryptoProvider().name).toBe('node');
      expect(onNoble).toBe(transcript(settings));
    },
  );

  it('follows from seed and inputs alone', () => {
    expect(transcript(config())).toBe(transcript(config()));
    expect(transcript(config())).not.toBe(transcript(config({ round: 1 })));
  });
});
