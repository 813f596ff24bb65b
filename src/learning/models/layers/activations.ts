/**
 * Layers without parameters that work element by element (softmax: example by example).
 *
 * @module
 */

import type {
  FlattenDeclaration,
  GeluDeclaration,
  ReluDeclaration,
  SoftmaxDeclaration,
  TanhDeclaration,
  TemperedSigmoidDeclaration,
} from '../declaration.ts';
import { widthOf, type FreeLayer } from './layer.ts';

const elementwise = {
  order: 'any',
  inPlace: true,
  keepsOutput: true,
  shape: (_: unknown, input: readonly number[]) => input,
} as const;

export const reluLayer: FreeLayer<ReluDeclaration> = {
  ...elementwise,
  forward: (site, { from, count }) => site.kernels.relu(site.y(from), count * site.outputWidth),
  backward: (site, { from, count }) => site.kernels.reluBackward(site.y(from), site.dy(from), count * site.outputWidth),
};

export const tanhLayer: FreeLayer<TanhDeclaration> = {
  ...elementwise,
  forward: (site, { from, count }) => site.kernels.tanhForward(site.y(from), count * site.outputWidth),
  backward: (site, { from, count }) => site.kernels.tanhBackward(site.y(from), site.dy(from), count * site.outputWidth),
};

export const temperedSigmoidLayer: FreeLayer<TemperedSigmoidDeclaration> = {
  ...elementwise,
  forward(site, { from, count }) {
    const { scale = 2, temperature = 2, offset = 1 } = site.declaration;
    site.kernels.temperedForward(site.y(from), count * site.outputWidth, scale, temperature, offset);
  },
  backward(site, { from, count }) {
    const { scale = 2, temperature = 2, offset = 1 } = site.declaration;
    site.kernels.temperedBackward(site.y(from), site.dy(from), count * site.outputWidth, scale, temperature, offset);
  },
};

export const geluLayer: FreeLayer<GeluDeclaration> = {
  ...elementwise,
  inPlace: false,
  keepsOutput: false,
  forward: (site, { from, count }) => site.kernels.geluForward(site.x(from), site.y(from), count * site.outputWidth),
  backward(site, { from, count }) {
    site.kernels.geluBackward(site.x(from), site.dy(from), site.dx(from), count * site.outputWidth);
  },
};

export const softmaxLayer: FreeLayer<SoftmaxDeclaration> = {
  ...elementwise,
  forward: (site, { from, count }) => site.kernels.softmaxForward(site.y(from), count, site.outputWidth),
  backward: (site, { from, count }) =>
    site.kernels.softmaxBackward(site.y(from), site.dy(from), count, site.outputWidth),
};

/** Channel-last memory is flat already: nothing moves. */
export const flattenLayer: FreeLayer<FlattenDeclaration> = {
  ...elementwise,
  keepsOutput: false,
  shape: (_, input) => [widthOf(input)],
  forward: () => undefined,
  backward: () => undefined,
};
