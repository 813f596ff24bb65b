/**
 * A transcript of whole rounds from one seed: the hash of every message in order. It runs in Node and in a page, and has
 * to give the same bytes in both.
 *
 * @module
 */

import { cryptoProvider, sha256, toHex } from '../../src/foundations/crypto/index.ts';
import { createSeededRng } from '../../src/foundations/random/index.ts';
import type { SecAggConfig, SecAggStage } from '../../src/secure/secagg/index.ts';
import { createIdentities, memberIds, runRound } from './secagg-round.ts';

/** The rounds of the transcript: both graphs, both adversaries, every ring width class, the hybrid, noise. */
const ROUNDS: readonly { readonly members: number; readonly config: Partial<SecAggConfig> }[] = [
  { members: 5, config: { bitWidth: 12 } },
  { members: 5, config: { bitWidth: 26, adversary: 'malicious-coordinator' } },
  { members: 5, config: { bitWidth: 48, cipher: 'chacha12' } },
  { members: 4, config: { keyAgreement: 'x25519-mlkem768' } },
  { members: 5, config: { noise: { mechanism: 'skellam', shareVariance: 30 }, minSurvivors: 3 } },
  { members: 5, config: { noise: { mechanism: 'discrete-gaussian', shareVariance: 1e4 }, minSurvivors: 3 } },
  {
    members: 14,
    config: {
      threshold: 8,
      adversary: 'malicious-coordinator',
      graph: { kind: 'harary', degree: 12, dropoutFraction: 0.1, draw: 'commit-reveal', auditCount: 1 },
    },
  },
];

/** Runs the rounds and hashes their messages and sums. */
export function computeTranscript(): { readonly provider: string; readonly digest: string } {
  const rng = createSeededRng('one transcript everywhere');
  const hashes: Uint8Array[] = [];
  ROUNDS.forEach(({ members, config: options }, round) => {
    const ids = memberIds(members);
    const { identities, admission } = createIdentities(ids, rng);
    const config: SecAggConfig = {
      taskId: 'transcript',
      round,
      attempt: 0,
      bitWidth: 24,
      entries: 100,
      threshold: Math.floor(members / 2) + 1,
      maxCorrupt: 0,
      configDigest: new Uint8Array(32),
      adversary: 'honest-but-curious',
      ...options,
    };
    const words = config.bitWidth > 32 ? 200 : 100;
    const inputs = new Map(ids.map((id, i) => [id, new Uint32Array(words).map((_, j) => (7 * i + j) % 1000)]));
    const lostIn = new Map<string, SecAggStage>([['p0001', 'maskedInput']]);
    const { result } = runRound({
      config,
      inputs,
      rng,
      identities,
      policy: { admission },
      lostIn,
      wire({ message }) {
        hashes.push(sha256(message));
        return message;
      },
    });
    hashes.push(sha256(new Uint8Array(result.sum.buffer, result.sum.byteOffset, result.sum.byteLength)));
  });
  return { provider: cryptoProvider().name, digest: toHex(sha256(...hashes)) };
}
