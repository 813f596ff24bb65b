/**
 * Neural networks on shares: the owner of a model and the owner of the data learn nothing of each other's secret, only
 * the prediction is opened, to the owner of the data. Dense layers and convolutions open one masked input each (weights
 * are masked and opened once a model); truncation happens together with the ReLU that follows.
 *
 * The architecture, number format and batch size are public.
 *
 * @module
 */

import {
  addWords,
  convolveByWeight,
  type MaskedWeight,
  maskWeights,
  multiplyByWeight,
  scaleWords,
} from './arithmetic.ts';
import { openTo } from './context.ts';
import { MpcError } from './errors.ts';
import { convolutionOutput, type ConvolutionShape } from './preprocessing.ts';
import { decodeReals, type MpcSession } from './session.ts';
import { shareOf } from './shared.ts';
import { reluShares, truncateShares } from './signs.ts';
import { tanhShares } from './tanh.ts';
import { playTournament } from './tournament.ts';

/** A layer's public part. Images are channels first. */
export type SecureLayer =
  | { readonly kind: 'dense'; readonly inputs: number; readonly outputs: number }
  | ({ readonly kind: 'convolution' } & Omit<ConvolutionShape, 'batch'>)
  | { readonly kind: 'relu' }
  /** Piecewise linear, off by at most 0.005. */
  | { readonly kind: 'tanh' }
  | {
      readonly kind: 'maxPool' | 'averagePool';
      readonly channels: number;
      readonly height: number;
      readonly width: number;
      readonly size: readonly [number, number];
      readonly stride: readonly [number, number];
    };

/** A layer's secret part: dense weights row-major by input, filters by (filter, channel, row, column). */
export interface SecureWeights {
  readonly weights: ArrayLike<number>;
  readonly bias: ArrayLike<number>;
}

/** What is opened to the owner of the data. */
export type SecurePrediction =
  | { readonly kind: 'labels'; readonly labels: Int32Array }
  | { readonly kind: 'scores'; readonly scores: Float64Array };

/** A model loaded into a session. */
export interface SecureModel {
  readonly inputs: number;
  readonly outputs: number;
  /**
   * Predicts a batch.
   * @param inputs - the rows, from the owner of the data; undefined from the others.
   * @returns the prediction for the owner of the data, undefined for the others.
   */
  predict(
    inputs: ArrayLike<number> | undefined,
    options: { readonly batch: number; readonly dataOwner: number; readonly open?: SecurePrediction['kind'] },
  ): Promise<SecurePrediction | undefined>;
}

/** Numbers a layer takes and gives for one example; `undefined` when it takes any. */
function sizesOf(layer: SecureLayer): { inputs: number; outputs: number; weights: number; biases: number } | undefined {
  switch (layer.kind) {
    case 'dense':
      return {
        inputs: layer.inputs,
        outputs: layer.outputs,
        weights: layer.inputs * layer.outputs,
        biases: layer.outputs,
      };
    case 'convolution': {
      const { channels, height, width, filters, kernel } = layer;
      const output = convolutionOutput({ batch: 1, ...layer });
      return {
        inputs: channels * height * width,
        outputs: filters * output.height * output.width,
        weights: filters * channels * kernel[0] * kernel[1],
        biases: filters,
      };
    }
    case 'maxPool':
    case 'averagePool': {
      const { channels, height, width } = layer;
      const output = poolOutput(layer);
      return {
        inputs: channels * height * width,
        outputs: channels * output.height * output.width,
        weights: 0,
        biases: 0,
      };
    }
    case 'relu':
    case 'tanh':
      return undefined;
  }
}

type PoolLayer = Extract<SecureLayer, { kind: 'maxPool' | 'averagePool' }>;

function poolOutput({ height, width, size, stride }: PoolLayer): { height: number; width: number } {
  return {
    height: Math.floor((height - size[0]) / stride[0]) + 1,
    width: Math.floor((width - size[1]) / stride[1]) + 1,
  };
}

/** Checks that layers follow each other. @throws {MpcError} `mpc/shape-mismatch` naming the layer. */
function checkLayers(layers: readonly SecureLayer[]): { inputs: number; outputs: number } {
  let current: number | undefined;
  let inputs: number | undefined;
  layers.forEach((layer, index) => {
    const sizes = sizesOf(layer);
    if (sizes === undefined) return;
    if (current !== undefined && current !== sizes.inputs) {
      throw new MpcError(
        'mpc/shape-mismatch',
        `layer ${index} (${layer.kind}) takes ${sizes.inputs} numbers, the one before gives ${current}`,
      );
    }
    inputs ??= sizes.inputs;
    current = sizes.outputs;
  });
  if (inputs === undefined || current === undefined)
    throw new MpcError('mpc/shape-mismatch', 'a model needs a layer with a size');
  return { inputs, outputs: current };
}

/** Gathers pooling windows: one row a window. */
function gatherWindows(
  words: BigUint64Array,
  layer: PoolLayer,
  batch: number,
): { rows: BigUint64Array; count: number; columns: number } {
  const { channels, height, width, size, stride } = layer;
  const output = poolOutput(layer);
  const columns = size[0] * size[1];
  const count = batch * channels * output.height * output.width;
  const rows = new BigUint64Array(count * columns);
  let at = 0;
  for (let plane = 0; plane < batch * channels; plane += 1) {
    for (let y = 0; y < output.height; y += 1) {
      for (let x = 0; x < output.width; x += 1) {
        for (let dy = 0; dy < size[0]; dy += 1) {
          for (let dx = 0; dx < size[1]; dx += 1) {
            rows[at] = words[(plane * height + y * stride[0] + dy) * width + x * stride[1] + dx] as bigint;
            at += 1;
          }
        }
      }
    }
  }
  return { rows, count, columns };
}

/** Repeats a bias over the outputs of a batch. */
function spreadBias(bias: BigUint64Array, batch: number, positions: number): BigUint64Array {
  const out = new BigUint64Array(batch * bias.length * positions);
  for (let i = 0; i < out.length; i += 1) out[i] = bias[Math.floor(i / positions) % bias.length] as bigint;
  return out;
}

/**
 * Loads a model into a session: its owner shares the weights, which are masked and opened once.
 * @param layers - public, equal for all parties.
 * @param options - `modelOwner`; `weights`, one entry a layer (undefined for layers without), from the owner only.
 * @throws {MpcError} `mpc/shape-mismatch` when layers or weights do not fit.
 */
export async function loadSecureModel(
  session: MpcSession,
  layers: readonly SecureLayer[],
  {
    modelOwner,
    weights,
  }: { readonly modelOwner: number; readonly weights?: readonly (SecureWeights | undefined)[] | undefined },
): Promise<SecureModel> {
  const { context } = session;
  const { owner, fractionBits, party } = context;
  const { inputs, outputs } = checkLayers(layers);
  if (party === modelOwner && weights?.length !== layers.length) {
    throw new MpcError(
      'mpc/shape-mismatch',
      `weights for ${layers.length} layers are needed, got ${weights?.length ?? 'none'}`,
    );
  }
  const shares: { name: string; share: BigUint64Array }[] = [];
  const biases: (BigUint64Array | undefined)[] = [];
  for (const [index, layer] of layers.entries()) {
    const sizes = sizesOf(layer);
    if (sizes === undefined || sizes.weights === 0) {
      biases.push(undefined);
      continue;
    }
    const own = party === modelOwner ? weights?.[index] : undefined;
    const share = await session.share(modelOwner, own?.weights, [sizes.weights]);
    const bias = await session.share(modelOwner, own?.bias, [sizes.biases]);
    shares.push({ name: `layer ${index}`, share: shareOf(share, owner) });
    // Products have twice the digits; the bias must, too.
    biases.push(scaleWords(shareOf(bias, owner), 1n << BigInt(fractionBits)));
  }
  const masked = new Map((await maskWeights(context, shares)).map((weight) => [weight.name, weight]));

  async function forward(input: BigUint64Array, batch: number): Promise<{ words: BigUint64Array; digits: number }> {
    let words = input;
    // Digits after the point beyond `fractionBits`: cut off as late as possible.
    let surplus = 0;
    for (const [index, layer] of layers.entries()) {
      if ((layer.kind === 'dense' || layer.kind === 'convolution' || layer.kind === 'averagePool') && surplus > 0) {
        words = await truncateShares(context, words, surplus);
        surplus = 0;
      }
      if (layer.kind === 'relu') {
        words = await reluShares(context, words, surplus);
        surplus = 0;
        continue;
      }
      if (layer.kind === 'tanh') {
        if (surplus > 0) words = await truncateShares(context, words, surplus);
        words = await tanhShares(context, words);
        surplus = 0;
        continue;
      }
      if (layer.kind === 'maxPool') {
        const { rows, count, columns } = gatherWindows(words, layer, batch);
        [words] = (await playTournament(context, [rows], count, columns)) as [BigUint64Array];
        continue;
      }
      if (layer.kind === 'averagePool') {
        const { rows, count, columns } = gatherWindows(words, layer, batch);
        const sums = new BigUint64Array(count);
        for (let i = 0; i < rows.length; i += 1) {
          const at = Math.floor(i / columns);
          sums[at] = BigInt.asUintN(64, (sums[at] as bigint) + (rows[i] as bigint));
        }
        words = scaleWords(sums, BigInt(Math.round(2 ** fractionBits / columns)));
        surplus = fractionBits;
        continue;
      }
      const weight = masked.get(`layer ${index}`) as MaskedWeight;
      const bias = biases[index] as BigUint64Array;
      if (layer.kind === 'dense') {
        const product = await multiplyByWeight(context, words, weight, {
          rows: batch,
          inner: layer.inputs,
          columns: layer.outputs,
        });
        words = addWords(product, spreadBias(bias, batch, 1));
      } else if (layer.kind === 'convolution') {
        const { kind: _, ...geometry } = layer;
        const shape = { batch, ...geometry };
        const output = convolutionOutput(shape);
        const product = await convolveByWeight(context, words, weight, shape);
        words = addWords(product, spreadBias(bias, batch, output.height * output.width));
      }
      surplus = fractionBits;
    }
    return { words, digits: fractionBits + surplus };
  }

  return {
    inputs,
    outputs,
    async predict(values, { batch, dataOwner, open = 'labels' }) {
      const secret = await session.share(dataOwner, values, [batch, inputs]);
      const { words, digits } = await forward(shareOf(secret, owner), batch);
      if (open === 'scores') {
        const scores = await openTo(
          context,
          [{ kind: 'arithmetic', words: await truncateShares(context, words, digits - fractionBits) }],
          [dataOwner],
        );
        return scores && { kind: 'scores', scores: decodeReals(scores[0] as BigUint64Array, fractionBits) };
      }
      const indices = BigUint64Array.from({ length: batch * outputs }, (_, i) =>
        party === 0 ? BigInt(i % outputs) : 0n,
      );
      const [, winners] = await playTournament(context, [words, indices], batch, outputs);
      const opened = await openTo(context, [{ kind: 'arithmetic', words: winners as BigUint64Array }], [dataOwner]);
      return opened && { kind: 'labels', labels: Int32Array.from(opened[0] as BigUint64Array, Number) };
    },
  };
}
