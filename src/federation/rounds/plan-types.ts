/**
 * The plan of a task: the public constants that every party of a round derives alike.
 *
 * @module
 */

import type { DpEvent } from '../../privacy/accounting/index.ts';
import type {
  AdaptiveClipConfig,
  BufferedConfig,
  CombinationConfig,
  ContributionLayout,
  LocalTraining,
  StrategyConfig,
  WeightsConfig,
} from '../aggregation/index.ts';

/** How noise reaches the sum. */
export interface PlannedNoise {
  /**
   * Who adds it: every participant a share (`participants`), the same inside of the masks, where what is too much is
   * taken out again (`protocol`), every participant the whole (`each`), or the coordinator (`coordinator`).
   */
  readonly addedBy: 'participants' | 'protocol' | 'each' | 'coordinator';
  /** σ ÷ sensitivity of the noise that is charged. */
  readonly noiseMultiplier: number;
  /** L2 sensitivity of the sum of grid integers to one example, or L2 bound of one participant's vector. */
  readonly l2Sensitivity: number;
  /** Shares that are charged: the honest survivors of the worst round that still succeeds. */
  readonly honestShares: number;
  /** Variance of one share, in grid units squared. */
  readonly shareVariance: number;
}

/** A sum that parties beside the coordinator help to form. */
interface AssistedAggregation {
  /** Contributions that make a sum. */
  readonly minSurvivors: number;
  readonly maxCorrupt: number;
  readonly stageTimeoutMs: number;
}

/** How the sum is formed. */
export type PlannedAggregation =
  | {
      readonly kind: 'secagg';
      readonly threshold: number;
      /** Neighbours of each in the k-regular graph; absent in the complete one. */
      readonly degree: number | undefined;
      readonly dropoutFraction: number;
      /** Contributions that make a sum. */
      readonly minSurvivors: number;
      readonly maxCorrupt: number;
      readonly stageTimeoutMs: number;
      readonly adversary: 'honest-but-curious' | 'malicious-coordinator';
      /** Whether pair secrets are agreed on in every round, or once for the task. */
      readonly setup: 'round' | 'task';
    }
  | (AssistedAggregation & {
      readonly kind: 'shares';
      /** Aggregation servers; `publicKey` (X25519, hexadecimal) where the task pins it. */
      readonly servers: readonly { readonly name: string; readonly publicKey: string | null }[];
    })
  | (AssistedAggregation & {
      readonly kind: 'homomorphic';
      readonly scheme: 'bfv' | 'bgv' | 'ckks' | 'paillier';
      readonly keyBits: 2048 | 3072 | 4096;
      /** Holder of the key; `keyDigest` (SHA-256 of the public key, hexadecimal) where the task pins it. */
      readonly holder: { readonly name: string; readonly keyDigest: string | null };
    })
  | {
      readonly kind: 'clear';
      readonly combine: CombinationConfig;
      readonly stageTimeoutMs: number;
    };

/** Rounds of local updates. */
export interface UpdatePlan {
  readonly local: LocalTraining;
  readonly strategy: StrategyConfig;
  readonly weights: WeightsConfig;
  /** Names of the layers that each participant keeps to itself; they are no part of the dimension. */
  readonly personal: readonly string[];
  readonly adaptiveClip: AdaptiveClipConfig | undefined;
  /** Present where several cohorts are open at once. */
  readonly buffered?: BufferedConfig;
  /** Parts of a contribution; `layout.dimension` are the model's parameters. */
  readonly layout: ContributionLayout;
  /** Numbers of a packed contribution. */
  readonly length: number;
  readonly rotated: boolean;
  /** Length that a rounded vector never exceeds, in grid steps. */
  readonly roundedNormBound: number;
  /** Coordinates of an update that are sent, where only the largest are; absent otherwise. */
  readonly keep: number | undefined;
  /** Probability that a participant's own coin lets it contribute more than noise; 1 without coins. */
  readonly coinRate: number;
  /** Probability that the coordinator's private draw takes a participant; absent without one. */
  readonly drawRate: number | undefined;
}

/** The public constants of a task. */
export interface TaskPlan {
  readonly taskName: string;
  /** What a contribution is: a sum of clipped gradients, or one clipped update. */
  readonly contribution: 'gradients' | 'update';
  /** Everybody who may be asked. */
  readonly enrolled: number;
  /** Members of a full cohort: what ring and graph are made for. */
  readonly participants: number;
  readonly rounds: number;
  /** `rounds` and the spare ones. */
  readonly attempts: number;
  /** What the budget is calibrated for: the attempts that one participant may be in. */
  readonly charges: number;
  /** Bound on the memberships of a participant; absent when every attempt may ask everybody. */
  readonly maxParticipations: number | undefined;
  /** Parameters of the model. */
  readonly dimension: number;
  /** Integers of a contribution. */
  readonly entries: number;
  /** Numbers that an offer carries: the model, and what the strategy broadcasts beside it. */
  readonly offered: number;
  /** Gradients alone; 1 for updates. */
  readonly samplingRate: number;
  readonly clipNorm: number;
  /** Gradients: bound of each coordinate of a participant's sum. */
  readonly clampRange: number;
  /** Grid steps a unit (of a gradient, or of a clip norm): a power of two, so that scaling is exact. */
  readonly quantizationScale: number;
  /** Bits of the ring of sums (secagg), or of one contribution on the wire (clear). */
  readonly bitWidth: number;
  /** Gradients alone; 1 for updates. */
  readonly expectedBatchSize: number;
  /** Present for rounds of local updates. */
  readonly update: UpdatePlan | undefined;
  readonly aggregation: PlannedAggregation;
  /** Absent without privacy. */
  readonly noise: PlannedNoise | undefined;
  /** Charged once an attempt; absent without privacy. */
  readonly event: DpEvent | undefined;
  /** What the task may spend; absent without privacy. */
  readonly budget: { readonly epsilon: number; readonly delta: number } | undefined;
  /** Bound on ε of a single attempt at the task's δ; 0 without privacy. */
  readonly epsilonPerAttempt: number;
  /** Bound on ε after all charges at the task's δ; 0 without privacy. */
  readonly epsilonAtEnd: number;
  /** SHA-256 of the canonical bytes of all of the above. */
  readonly digest: Uint8Array;
}

/** What the plan needs to know of the model. */
export interface ModelFacts {
  /** Entries of the flat parameter vector. */
  readonly dimension: number;
  /** L2 sensitivity of the clipped sum to one example, the float32 error of its computation included. */
  readonly clippedSumSensitivity: number;
}
