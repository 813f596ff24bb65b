/**
 * The training engine's kernels: matrix products, element-wise passes, losses and norms over addresses in one WebAssembly
 * memory. All numbers are float32 unless a name says otherwise, matrices are row-major, images channel-last. Every
 * result is a fixed chain of operations, the same in every engine that runs WebAssembly.
 *
 * @module
 */

import { instantiateKernel, type KernelInstance } from './instance.ts';
import { linearWasm } from './linear.wasm.ts';

/** Matrix products. `panels` is what {@link MatrixKernels.packPanels} wrote. */
export interface MatrixKernels {
  /** Packs B (K×N) by the strides of k and j into panels of eight columns at `out`: `panelFloats(K, N)` floats. */
  packPanels(b: number, kStride: number, jStride: number, K: number, N: number, out: number): void;
  /** C (M×N, row stride `cRow`) = A·B for `mode` 0, C += A·B for `mode` 1. */
  gemm(
    M: number,
    N: number,
    K: number,
    a: number,
    aRow: number,
    aK: number,
    panels: number,
    c: number,
    cRow: number,
    mode: number,
  ): void;
  /** Adds Aᵀ-columns·B to float64 sums, each element rounded to the grid of `magic` (0: no grid). */
  gemmGrid(
    M: number,
    N: number,
    K: number,
    a: number,
    aK: number,
    panels: number,
    sums: number,
    sumRow: number,
    magic: number,
  ): void;
  /** Adds `count` floats on the grid of `magic` to float64 sums and sets the floats to zero. */
  flushGrid(from: number, sums: number, count: number, magic: number): void;
}

/** Element by element, forward and backward; backward passes change the gradient in place. */
export interface ElementKernels {
  bytesToFloats(from: number, out: number, count: number, scale: number, offset: number): void;
  wordsToFloats(from: number, out: number, count: number, scale: number, offset: number): void;
  affine(x: number, count: number, scale: number, offset: number): void;
  broadcastRow(row: number, out: number, rows: number, width: number): void;
  axpy(alpha: number, x: number, y: number, count: number): void;
  scaleRows(x: number, rows: number, width: number, factors: number): void;
  sumRows(x: number, rows: number, width: number, factors: number, out: number): void;
  relu(x: number, count: number): void;
  reluBackward(y: number, g: number, count: number): void;
  tanhForward(x: number, count: number): void;
  tanhBackward(y: number, g: number, count: number): void;
  temperedForward(x: number, count: number, scale: number, temperature: number, offset: number): void;
  temperedBackward(y: number, g: number, count: number, scale: number, temperature: number, offset: number): void;
  geluForward(x: number, out: number, count: number): void;
  geluBackward(x: number, g: number, gIn: number, count: number): void;
  softmaxForward(x: number, rows: number, width: number): void;
  softmaxBackward(y: number, g: number, rows: number, width: number): void;
}

/** Losses of rows (float64) and their gradients by the outputs; a `gradient` of 0 leaves the gradient out. */
export interface LossKernels {
  softmaxCrossEntropy(z: number, labels: number, gradient: number, losses: number, rows: number, width: number): void;
  binaryCrossEntropy(z: number, targets: number, gradient: number, losses: number, rows: number, width: number): void;
  squaredError(z: number, targets: number, gradient: number, losses: number, rows: number, width: number): void;
  huber(
    z: number,
    targets: number,
    gradient: number,
    losses: number,
    rows: number,
    width: number,
    threshold: number,
  ): void;
}

/** Squared norms in float64. */
export interface NormKernels {
  sumSquares(x: number, count: number): number;
  /** Whether `count` float64 numbers are all finite. */
  allFinite(x: number, count: number): number;
  /** Adds ‖δ‖²‖a‖² and ‖δ‖² of every row to float64 numbers; `bias` 0 leaves the second out. */
  denseGhostNorms(
    a: number,
    aWidth: number,
    d: number,
    dWidth: number,
    rows: number,
    weights: number,
    bias: number,
  ): void;
}

/** Channel-last images: patches as rows, pooling. Kernel, stride and output come as height and width. */
export interface ImageKernels {
  /** Copies an image into the middle of one with a border of zeros, and out again. */
  padImage(x: number, height: number, breadth: number, channels: number, ph: number, pw: number, out: number): void;
  cropImage(
    padded: number,
    height: number,
    breadth: number,
    channels: number,
    ph: number,
    pw: number,
    out: number,
  ): void;
  /** Writes the patch under every output place as a row of kh·kw·width floats, from channel `first` on. */
  imageToRows(
    x: number,
    breadth: number,
    channels: number,
    first: number,
    width: number,
    kh: number,
    kw: number,
    sh: number,
    sw: number,
    oh: number,
    ow: number,
    out: number,
  ): void;
  /** Adds rows of patches back to the image `x`. */
  rowsToImage(
    rows: number,
    breadth: number,
    channels: number,
    first: number,
    width: number,
    kh: number,
    kw: number,
    sh: number,
    sw: number,
    oh: number,
    ow: number,
    x: number,
  ): void;
  maxPoolForward(
    x: number,
    breadth: number,
    channels: number,
    kh: number,
    kw: number,
    sh: number,
    sw: number,
    oh: number,
    ow: number,
    y: number,
    chosen: number,
  ): void;
  maxPoolBackward(
    dy: number,
    chosen: number,
    breadth: number,
    channels: number,
    kh: number,
    kw: number,
    sh: number,
    sw: number,
    oh: number,
    ow: number,
    dx: number,
  ): void;
  averagePoolForward(
    x: number,
    breadth: number,
    channels: number,
    kh: number,
    kw: number,
    sh: number,
    sw: number,
    oh: number,
    ow: number,
    y: number,
  ): void;
  averagePoolBackward(
    dy: number,
    breadth: number,
    channels: number,
    kh: number,
    kw: number,
    sh: number,
    sw: number,
    oh: number,
    ow: number,
    dx: number,
  ): void;
}

/** Moves of one image. */
export interface AugmentationKernels {
  /** Copies an image moved down and right, zeros coming in, mirrored left to right if `flip`. */
  shiftImage(
    x: number,
    height: number,
    breadth: number,
    channels: number,
    dy: number,
    dx: number,
    flip: boolean,
    out: number,
  ): void;
}

/** Normalisation of one example in groups of channels; `stats` holds two floats a group. */
export interface NormalizationKernels {
  normForward(
    x: number,
    places: number,
    channels: number,
    groups: number,
    weight: number,
    bias: number,
    epsilon: number,
    stats: number,
    y: number,
  ): void;
  normBackward(
    x: number,
    dy: number,
    places: number,
    channels: number,
    groups: number,
    weight: number,
    stats: number,
    dx: number,
  ): void;
  normGradient(
    x: number,
    dy: number,
    places: number,
    channels: number,
    groups: number,
    stats: number,
    weightGradient: number,
    biasGradient: number,
  ): void;
}

/**
 * Bags of tokens with sparse gradients. A bag is a word with the number of its tokens and `length` words for them;
 * `counts` is a word of zeros for each entry of the vocabulary.
 */
export interface BagKernels {
  /** Reads rows of `length` floats as bags; what is outside of [0, vocabulary) or equals `padding` is no token. */
  bagTokens(from: number, length: number, rows: number, vocabulary: number, padding: number, bags: number): void;
  bagForward(
    bags: number,
    length: number,
    rows: number,
    table: number,
    dimension: number,
    mean: boolean,
    y: number,
  ): void;
  /** Adds each row's squared norm to float64 numbers. */
  bagGhostNorms(
    bags: number,
    length: number,
    rows: number,
    d: number,
    dimension: number,
    mean: boolean,
    counts: number,
    norms: number,
  ): void;
  /** Adds clipped gradients to float64 sums; `once` is a scratch of `dimension` float64 numbers. */
  bagAccumulate(
    bags: number,
    length: number,
    rows: number,
    d: number,
    dimension: number,
    mean: boolean,
    factors: number,
    counts: number,
    once: number,
    sums: number,
    magic: number,
  ): void;
  /** Adds the gradient of one bag to a table of floats. */
  bagGradient(bag: number, d: number, dimension: number, mean: boolean, gradient: number): void;
}

/** Threefry-2x32-20 [SMDS11]: words as a function of key and counter. Nothing private rests on them. */
export interface CoinKernels {
  /** The two words of a counter as a 64-bit integer (signed, as WebAssembly hands it out). */
  coins(k0: number, k1: number, c0: number, c1: number): bigint;
  /** Zeroes each number with probability `threshold` / 2^32 and scales the others, in place. */
  dropInPlace(x: number, count: number, threshold: number, scale: number, k0: number, k1: number, stream: number): void;
}

export interface LinearKernels
  extends
    MatrixKernels,
    ElementKernels,
    LossKernels,
    NormKernels,
    ImageKernels,
    AugmentationKernels,
    NormalizationKernels,
    BagKernels,
    CoinKernels {}

/** Creates an instance of the engine's kernels with a memory of its own. */
export function createLinearKernels(): KernelInstance<LinearKernels> {
  return instantiateKernel<LinearKernels>(linearWasm);
}

/** Floats that `packPanels` writes for a K×N matrix. */
export function panelFloats(K: number, N: number): number {
  return Math.ceil(N / 8) * 8 * K;
}
