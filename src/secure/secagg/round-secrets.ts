/**
 * What a participant must keep to itself in one round and forget at its end: its input, the seeds of its masks and noise,
 * its part of the draw, and the shares it holds for others.
 *
 * @module
 */

import type { Rng } from '../../foundations/random/index.ts';
import { FIELD_25519 } from '../sharing/index.ts';
import type { ByteWriter } from './codec.ts';
import type { ResolvedConfig } from './config.ts';
import { SecAggError } from './errors.ts';
import { REVEAL_BYTES } from './roster.ts';
import type { HeldShares, SharedSecrets } from './shares.ts';
import type { SurvivorSet } from './survivors.ts';

/** The secrets of one participant in one attempt. */
export class RoundSecrets {
  /** Shares held for others (and in the complete graph for oneself), by the place of their owner. */
  readonly held = new Map<number, HeldShares>();
  #shared: SharedSecrets = { selfMask: 0n, recovery: 0n, noise: undefined };
  #reveal: Uint8Array | undefined;
  #input: Uint32Array | undefined;
  #inputTaken = false;

  /** This participant's part of the draw of the graph, where it is drawn by commitments. */
  get reveal(): Uint8Array | undefined {
    return this.#reveal;
  }

  get hasInput(): boolean {
    return this.#input !== undefined;
  }

  /** The seed of the mask that this participant's own survival opens. */
  get selfMaskSeed(): Uint8Array {
    return FIELD_25519.encode(this.#shared.selfMask);
  }

  get noiseSeed(): Uint8Array | undefined {
    return this.#shared.noise === undefined ? undefined : FIELD_25519.encode(this.#shared.noise);
  }

  /** Draws what others rebuild this participant's masks from, should it be lost. */
  drawRecovery(rng: Rng): bigint {
    this.#shared = { ...this.#shared, recovery: FIELD_25519.sample(rng) };
    return this.#shared.recovery;
  }

  drawReveal(rng: Rng): Uint8Array {
    this.#reveal = rng.bytes(REVEAL_BYTES);
    return this.#reveal;
  }

  /** Draws the seeds of mask and noise. @returns everything that is shared out. */
  drawSeeds({ noise }: ResolvedConfig, rng: Rng): SharedSecrets {
    const selfMask = FIELD_25519.sample(rng);
    this.#shared = {
      ...this.#shared,
      selfMask,
      noise: noise === undefined ? undefined : FIELD_25519.sample(rng),
    };
    return this.#shared;
  }

  /** @throws {SecAggError} `secagg/input` the second time; `check` has to find nothing wrong before it is kept. */
  setInput(residues: Uint32Array, check: (residues: Uint32Array) => void): void {
    if (this.#inputTaken || this.hasInput) throw new SecAggError('secagg/input', 'the input of a round is set once');
    check(residues);
    this.#input = residues.slice();
  }

  /** Hands the input over, once, and forgets it. */
  takeInput(use: (input: Uint32Array) => Uint32Array): Uint32Array {
    const result = use(this.#input as Uint32Array);
    this.#forgetInput();
    return result;
  }

  /** Writes, for every peer, the share of its self-mask seed or of its recovery secret, never both; then of the noise. */
  writeShares(out: ByteWriter, { places, opened }: SurvivorSet): void {
    const owners = [...this.held].toSorted(([a], [b]) => a - b);
    for (const [owner, shares] of owners) out.raw(places.has(owner) ? shares.selfMask : shares.recovery);
    for (const [owner, shares] of owners) {
      if (opened.has(owner)) out.raw(shares.noise as Uint8Array);
    }
  }

  /** Forgets everything. */
  wipe(): void {
    for (const { selfMask, recovery, noise } of this.held.values()) {
      selfMask.fill(0);
      recovery.fill(0);
      noise?.fill(0);
    }
    this.held.clear();
    this.#forgetInput();
    this.#shared = { selfMask: 0n, recovery: 0n, noise: undefined };
    this.#reveal?.fill(0);
  }

  #forgetInput(): void {
    this.#inputTaken = true;
    this.#input?.fill(0);
    this.#input = undefined;
  }
}
