/**
 * What a layer is: one object with its shapes, its forward and backward pass and, when it has parameters, either the norm
 * of an example's gradient without the gradient (`ghostNorm`) or the gradient of one example (`exampleGradient`). A
 * layer without one of the two cannot be clipped example by example, so its object does not compile; neither does one
 * that mixes examples.
 *
 * @module
 */

import type { LinearKernels } from '../../../foundations/kernels/index.ts';

/** Extents of one example, channel-last. */
export type Shape = readonly number[];

/** A tensor of parameters, as a layer declares it. */
export interface TensorDeclaration {
  /** `weight`, `bias`, … */
  readonly role: string;
  readonly shape: Shape;
  /** U(±bound), or a constant. */
  readonly start:
    | { readonly kind: 'uniform'; readonly bound: number }
    | { readonly kind: 'constant'; readonly value: number };
  /** Never trained, whatever the declaration says of the layer. */
  readonly frozen?: boolean;
}

/** A layer bound to memory: addresses of everything its passes read and write. Rows count examples (or their views). */
export interface Site<Declaration> {
  readonly declaration: Declaration;
  readonly kernels: LinearKernels;
  /** The kernels' memory as numbers. It never grows once a site exists. */
  readonly memory: EngineMemory;
  readonly input: Shape;
  readonly output: Shape;
  readonly inputWidth: number;
  readonly outputWidth: number;
  /** Address of the input of a row, of its output, and of the gradients by both. */
  x(row: number): number;
  y(row: number): number;
  dx(row: number): number;
  dy(row: number): number;
  /** Whether anything below needs the gradient by the input; `dx` has no memory otherwise. */
  readonly needsInputGradient: boolean;
  /** Addresses of the parameter tensors, in the order of `tensors`. */
  readonly parameters: readonly number[];
  /** Addresses of the work areas, in the order of `workspace`. */
  readonly workspace: readonly number[];
  /** The other end of a residual connection (any other step: itself). */
  partner(): Site<unknown>;
  /** True while training (dropout drops), false in evaluation. */
  readonly training: boolean;
  /** Number of the layer in the plan, and the coins of a row while training: both select what dropout drops. */
  readonly ordinal: number;
  coins(row: number): readonly [number, number];
}

/** Views of the kernels' memory, made once after it has reached its size. */
export interface EngineMemory {
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly i32: Int32Array;
  readonly u8: Uint8Array;
}

/** Consecutive rows. */
export interface Rows {
  readonly from: number;
  readonly count: number;
}

/** Bytes a layer needs beside its activations: `fixed` once, or `perRow` for every row kept at a time. */
export type WorkArea = { readonly fixed: number } | { readonly perRow: number };

/** What every layer has. */
export interface LayerCommon<Declaration> {
  /**
   * `example`: walked one example at a time with everything before it, so that its activations stay in the cache;
   * `batch`: gains from many rows at once; `any`: goes with its neighbours.
   */
  readonly order: 'example' | 'batch' | 'any';
  /** Whether the output may overwrite the input; the backward pass then reads the output alone. */
  readonly inPlace: boolean;
  /** Whether the backward pass reads the output, so that the next layer must not overwrite it. */
  readonly keepsOutput: boolean;
  /** A layer that mixes examples has no gradient of one example. */
  readonly mixesExamples?: never;
  /** The output's shape. @throws {ModelError} when the input does not fit. */
  shape(declaration: Declaration, input: Shape): Shape;
  workspace?(declaration: Declaration, input: Shape): readonly WorkArea[];
  /** Called once after parameters were written. */
  prepare?(site: Site<Declaration>): void;
  forward(site: Site<Declaration>, rows: Rows): void;
  /** Writes `dx` from `dy`; called only when `needsInputGradient`. Leaves x, y and dy as they are unless `inPlace`. */
  backward(site: Site<Declaration>, rows: Rows): void;
}

/** A layer without parameters. */
export interface FreeLayer<Declaration> extends LayerCommon<Declaration> {
  readonly tensors?: never;
  readonly ghostNorm?: never;
  readonly accumulate?: never;
  readonly exampleGradient?: never;
}

/** A layer whose norms need only activations and output gradients. */
export interface GhostLayer<Declaration> extends LayerCommon<Declaration> {
  tensors(declaration: Declaration, input: Shape): readonly TensorDeclaration[];
  /** Adds the squared norm of each row's gradient, for each tensor, to the float64 numbers at `norms[tensor]`. */
  ghostNorm(site: Site<Declaration>, rows: Rows, norms: readonly number[]): void;
  /**
   * Adds Σ_row factor · gradient of at most 64 rows to the float64 sums of each tensor, on the grid of `magic`. Factors
   * are floats at `factors[tensor]`. May change dy, and x where a factor is zero.
   */
  accumulate(
    site: Site<Declaration>,
    rows: Rows,
    target: { factors: readonly number[]; sums: readonly number[]; magic: number },
  ): void;
  /** Writes the gradient of one example (the sum over its rows) to `gradients[tensor]`; used with several views. */
  exampleGradient(site: Site<Declaration>, rows: Rows, gradients: readonly number[]): void;
}

/** A layer that forms the gradient of one example (the sum over its rows) in a scratch the size of its parameters. */
export interface ExampleGradientLayer<Declaration> extends LayerCommon<Declaration> {
  tensors(declaration: Declaration, input: Shape): readonly TensorDeclaration[];
  readonly ghostNorm?: never;
  readonly accumulate?: never;
  exampleGradient(site: Site<Declaration>, rows: Rows, gradients: readonly number[]): void;
}

export type Layer<Declaration> = FreeLayer<Declaration> | GhostLayer<Declaration> | ExampleGradientLayer<Declaration>;

/** Product of the extents. */
export function widthOf(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
