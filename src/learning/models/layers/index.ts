/**
 * The table of layers: every kind that a plan may name, with its object.
 *
 * @module
 */

import type { LayerDeclaration } from '../declaration.ts';
import { flattenLayer, geluLayer, reluLayer, softmaxLayer, tanhLayer, temperedSigmoidLayer } from './activations.ts';
import { denseLayer } from './dense.ts';
import type { Layer } from './layer.ts';
import { forkLayer, joinLayer, type ForkDeclaration, type JoinDeclaration } from './residual.ts';

/** A step of a plan: a declared layer, or one end of a residual connection. */
export type StepDeclaration = Exclude<LayerDeclaration, { kind: 'residual' }> | ForkDeclaration | JoinDeclaration;

type Table = { readonly [Kind in StepDeclaration['kind']]: Layer<Extract<StepDeclaration, { kind: Kind }>> };

const table: Partial<Table> = {
  dense: denseLayer,
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
