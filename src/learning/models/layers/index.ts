/**
 * The table of layers: every kind that a plan may name, with its object.
 *
 * @module
 */

import type { LayerDeclaration, PoolDeclaration } from '../declaration.ts';
import { flattenLayer, geluLayer, reluLayer, softmaxLayer, tanhLayer, temperedSigmoidLayer } from './activations.ts';
import { denseLayer } from './dense.ts';
import { dropoutLayer } from './dropout.ts';
import { embeddingBagLayer } from './embedding.ts';
import { averagePoolLayer, conv2dLayer, maxPoolLayer } from './images.ts';
import type { Layer } from './layer.ts';
import { loraLayer, type LoraDeclaration } from './lora.ts';
import { groupNormLayer, layerNormLayer } from './normalization.ts';
import { forkLayer, joinLayer, type ForkDeclaration, type JoinDeclaration } from './residual.ts';

/** A step of a plan: a declared layer, a dense layer with an adapter, or one end of a residual connection. */
export type StepDeclaration =
  | Exclude<LayerDeclaration, { kind: 'residual' }>
  | LoraDeclaration
  | ForkDeclaration
  | JoinDeclaration;

type Table = { readonly [Kind in StepDeclaration['kind']]: Layer<Extract<StepDeclaration, { kind: Kind }>> };

const table: Omit<Table, 'maxPool' | 'averagePool'> & Record<'maxPool' | 'averagePool', Layer<PoolDeclaration>> = {
  dense: denseLayer,
  lora: loraLayer,
  conv2d: conv2dLayer,
  maxPool: maxPoolLayer,
  averagePool: averagePoolLayer,
  embeddingBag: embeddingBagLayer,
  layerNorm: layerNormLayer,
  groupNorm: groupNormLayer,
  dropout: dropoutLayer,
  relu: reluLayer,
  tanh: tanhLayer,
  temperedSigmoid: temperedSigmoidLayer,
  gelu: geluLayer,
  softmax: softmaxLayer,
  flatten: flattenLayer,
  fork: forkLayer,
  join: joinLayer,
};

/** The object of a kind of layer. */
export function layerOf(kind: string): Layer<StepDeclaration> | undefined {
  return Object.hasOwn(table, kind) ? (table[kind as keyof Table] as unknown as Layer<StepDeclaration>) : undefined;
}
