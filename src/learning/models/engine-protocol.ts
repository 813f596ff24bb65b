/**
 * What a parallel engine and its workers say to each other: plain data that a structured clone carries, in a page without
 * cross-origin isolation too. Where memory can be shared, parameters and sums go through it instead.
 *
 * @module
 */

import type { DatasetFields } from '../data/index.ts';
import type { Augmentation } from './augmentation.ts';
import type { Clipping } from './clipping.ts';
import type { Model } from './declaration.ts';
import type { FeaturesConfig } from './scattering.ts';

/** Rows of a data set: themselves, or their numbers in one of the data sets that the workers have in shared memory. */
export type PickedRows = DatasetFields | { readonly place: number; readonly rows: Uint32Array };

/** Blocks of a sample for a worker. */
export interface Shard {
  readonly picked: PickedRows;
  /** The number of each row in the participant's data set. */
  readonly identities: Uint32Array;
  /** Rows of each block, one block after the other. */
  readonly counts: Uint32Array;
}

/** A question to a worker. */
export type EngineRequest =
  | {
      readonly kind: 'open';
      readonly model: Model;
      readonly frozen: Float32Array;
      readonly augmentation: Augmentation;
      /** Memory for the parameters (float32) and for this worker's sum (float64). */
      readonly shared: { readonly parameters: SharedArrayBuffer; readonly sum: SharedArrayBuffer } | undefined;
    }
  | {
      /** A data set in shared memory, for rows that come as numbers. It replaces the one that had its place. */
      readonly kind: 'share';
      readonly place: number;
      readonly fields: DatasetFields;
    }
  | {
      readonly kind: 'sum';
      /** Sets how gradients are clipped and clears the sum. */
      readonly begin: { readonly clipping: Clipping; readonly stepSeed: bigint | undefined } | undefined;
      /** New parameters, unless they are in shared memory. */
      readonly parameters: Float32Array | undefined;
      readonly shard: Shard;
      /** Whether to hand the sum back. */
      readonly end: boolean;
    }
  | {
      /** Computes features of images; needs no open engine. */
      readonly kind: 'features';
      readonly config: FeaturesConfig;
      readonly fields: DatasetFields;
    }
  | {
      readonly kind: 'evaluate' | 'predict';
      readonly parameters: Float32Array | undefined;
      readonly picked: PickedRows;
    };

/** A worker's answer. */
export type EngineAnswer =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'sum';
      readonly nonFinite: number;
      readonly finite: boolean;
      readonly sum: Float64Array | undefined;
    }
  | { readonly kind: 'score'; readonly loss: number; readonly correct: number }
  | { readonly kind: 'outputs'; readonly outputs: Float32Array }
  | { readonly kind: 'features'; readonly fields: DatasetFields };
