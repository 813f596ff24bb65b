/**
 * The declaration of a model: plain data, the same in a program and in a task file. {@link compilePlan} reads it.
 * Shapes are channel-last and leave the batch out: an image is `[height, width, channels]`.
 *
 * @module
 */

/** How weights start: `glorot` U(±√(6/(in+out))), `he` U(±√(6/in)), `lecun` U(±√(3/in)), or zeros. Biases start at 0. */
export type Initialization = 'glorot' | 'he' | 'lecun' | 'zeros';

interface Named {
  /** Prefix of the parameters' names; kind and ordinal by default (`dense1`). */
  readonly name?: string;
  /** Parameters of a frozen layer are not trained: they stand outside of the flat parameter vector. */
  readonly frozen?: boolean;
}

/** y = x W + b on the flattened input, W of shape `[in, out]`. */
export interface DenseDeclaration extends Named {
  readonly kind: 'dense';
  readonly out: number;
  /** True by default. */
  readonly bias?: boolean;
  readonly init?: Initialization;
  /** Low-rank adapter [HSW22]: y += (x A) B · alpha / rank; W and b are then frozen. */
  readonly lora?: { readonly rank: number; readonly alpha?: number };
}

/** Cross-correlation with zero padding; sizes round down. Kernel of shape `[height, width, in / groups, out]`. */
export interface Conv2dDeclaration extends Named {
  readonly kind: 'conv2d';
  readonly out: number;
  readonly kernel: number | readonly [number, number];
  /** 1 by default. */
  readonly stride?: number | readonly [number, number];
  /** Zeros added on each side; 0 by default. */
  readonly padding?: number | readonly [number, number];
  /** Input and output channels split in groups that do not see each other; 1 by default. */
  readonly groups?: number;
  readonly bias?: boolean;
  readonly init?: Initialization;
}

/** Maximum or mean of every window; sizes round down; no padding. */
export interface PoolDeclaration {
  readonly kind: 'maxPool' | 'averagePool';
  readonly size: number | readonly [number, number];
  /** The size by default. */
  readonly stride?: number | readonly [number, number];
}

/** Sum or mean of the embeddings of a bag of tokens. The input is a row of token numbers. */
export interface EmbeddingBagDeclaration extends Named {
  readonly kind: 'embeddingBag';
  readonly vocabulary: number;
  readonly dimension: number;
  readonly mode: 'sum' | 'mean';
  /**
   * The number that stands for no token, so that bags of any size fit in one row; `vocabulary` by default. One inside the
   * vocabulary takes its row of the table out of use.
   */
  readonly padding?: number;
}

/** Normalisation over all numbers of one example, with a scale and shift for each place. */
export interface LayerNormDeclaration extends Named {
  readonly kind: 'layerNorm';
  /** Inside the square root; 1e-5 by default. */
  readonly epsilon?: number;
}

/** Normalisation over groups of channels of one example, with a scale and shift for each channel. */
export interface GroupNormDeclaration extends Named {
  readonly kind: 'groupNorm';
  readonly groups: number;
  readonly epsilon?: number;
}

export interface ReluDeclaration {
  readonly kind: 'relu';
}
export interface TanhDeclaration {
  readonly kind: 'tanh';
}
/** scale · σ(temperature · x) - offset [PTSCE21]; by default 2, 2, 1, which is tanh. */
export interface TemperedSigmoidDeclaration {
  readonly kind: 'temperedSigmoid';
  readonly scale?: number;
  readonly temperature?: number;
  readonly offset?: number;
}
/** x Φ(x), with the exact normal cdf. */
export interface GeluDeclaration {
  readonly kind: 'gelu';
}
/** Over all numbers of one example. */
export interface SoftmaxDeclaration {
  readonly kind: 'softmax';
}
/** Sets each number to zero with probability `rate` while training and scales the rest by 1 / (1 - rate). */
export interface DropoutDeclaration {
  readonly kind: 'dropout';
  readonly rate: number;
}
export interface FlattenDeclaration {
  readonly kind: 'flatten';
}
/** y = x + layers(x); the layers keep the shape. */
export interface ResidualDeclaration {
  readonly kind: 'residual';
  readonly layers: readonly LayerDeclaration[];
}

/** One layer of a model. */
export type LayerDeclaration =
  | DenseDeclaration
  | Conv2dDeclaration
  | PoolDeclaration
  | EmbeddingBagDeclaration
  | LayerNormDeclaration
  | GroupNormDeclaration
  | ReluDeclaration
  | TanhDeclaration
  | TemperedSigmoidDeclaration
  | GeluDeclaration
  | SoftmaxDeclaration
  | DropoutDeclaration
  | FlattenDeclaration
  | ResidualDeclaration;

/**
 * What training makes small. `softmaxCrossEntropy` takes class labels; `binaryCrossEntropy` one target in [0, 1] for each
 * output; `squaredError` is Σ (prediction - target)² without a factor of one half; `huber` is quadratic up to `threshold`.
 * Losses are sums over outputs, never means over the batch.
 */
export type LossDeclaration =
  | 'softmaxCrossEntropy'
  | 'binaryCrossEntropy'
  | 'squaredError'
  | { readonly kind: 'huber'; readonly threshold: number };

/** A declared model. */
export interface Model {
  /** Shape of one example. */
  readonly input: readonly number[];
  readonly layers: readonly LayerDeclaration[];
  readonly loss: LossDeclaration;
}

/**
 * Declares a model: layers in order, the shape of one example and the loss.
 * @example
 * ```ts
 * model([dense({ out: 32 }), tanh(), dense({ out: 10 })], { input: [784], loss: 'softmaxCrossEntropy' });
 * ```
 */
export function model(
  layers: readonly LayerDeclaration[],
  { input, loss }: { input: readonly number[]; loss: LossDeclaration },
): Model {
  return { input: [...input], layers: [...layers], loss };
}

export function dense(options: Omit<DenseDeclaration, 'kind'>): DenseDeclaration {
  return { kind: 'dense', ...options };
}
export function conv2d(options: Omit<Conv2dDeclaration, 'kind'>): Conv2dDeclaration {
  return { kind: 'conv2d', ...options };
}
export function maxPool(options: Omit<PoolDeclaration, 'kind'>): PoolDeclaration {
  return { kind: 'maxPool', ...options };
}
export function averagePool(options: Omit<PoolDeclaration, 'kind'>): PoolDeclaration {
  return { kind: 'averagePool', ...options };
}
export function embeddingBag(options: Omit<EmbeddingBagDeclaration, 'kind'>): EmbeddingBagDeclaration {
  return { kind: 'embeddingBag', ...options };
}
export function layerNorm(options: Omit<LayerNormDeclaration, 'kind'> = {}): LayerNormDeclaration {
  return { kind: 'layerNorm', ...options };
}
export function groupNorm(options: Omit<GroupNormDeclaration, 'kind'>): GroupNormDeclaration {
  return { kind: 'groupNorm', ...options };
}
export function relu(): ReluDeclaration {
  return { kind: 'relu' };
}
export function tanh(): TanhDeclaration {
  return { kind: 'tanh' };
}
export function temperedSigmoid(options: Omit<TemperedSigmoidDeclaration, 'kind'> = {}): TemperedSigmoidDeclaration {
  return { kind: 'temperedSigmoid', ...options };
}
export function gelu(): GeluDeclaration {
  return { kind: 'gelu' };
}
export function softmax(): SoftmaxDeclaration {
  return { kind: 'softmax' };
}
export function dropout(options: Omit<DropoutDeclaration, 'kind'>): DropoutDeclaration {
  return { kind: 'dropout', ...options };
}
export function flatten(): FlattenDeclaration {
  return { kind: 'flatten' };
}
export function residual(layers: readonly LayerDeclaration[]): ResidualDeclaration {
  return { kind: 'residual', layers };
}

/** Why batch normalisation is not offered; also the message of the error when a task file asks for it. */
export const BATCH_NORM_REASON =
  'batch normalisation mixes examples: every gradient would depend on every example of the batch, and clipping each one would bound nothing; use groupNorm or layerNorm';

/** Does not compile when called: its one argument has no value. {@link BATCH_NORM_REASON} says why. */
export function batchNorm(reason: never): never {
  throw new TypeError(`${BATCH_NORM_REASON} (${String(reason)})`);
}

/**
 * Freezes the first `count` layers: their parameters leave the trained vector, and nothing is computed backward
 * through them.
 * @throws {RangeError} when the model has fewer layers.
 */
export function freezePrefix(declared: Model, count: number): Model {
  if (!Number.isInteger(count) || count < 0 || count > declared.layers.length) {
    throw new RangeError(`"count" must be an integer in [0, ${declared.layers.length}], got ${count}`);
  }
  return { ...declared, layers: declared.layers.map((layer, i) => (i < count ? freezeLayer(layer) : layer)) };
}

function freezeLayer(layer: LayerDeclaration): LayerDeclaration {
  switch (layer.kind) {
    case 'dense':
    case 'conv2d':
    case 'embeddingBag':
    case 'layerNorm':
    case 'groupNorm':
      return { ...layer, frozen: true };
    case 'residual':
      return { ...layer, layers: layer.layers.map(freezeLayer) };
    default:
      return layer;
  }
}
