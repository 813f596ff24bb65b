/**
 * Layers without parameters that work element by element (softmax: example by example). Their kernels work in place on
 * the output and on its gradient; where the plan keeps the input apart, both are copied first.
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
import { widthOf, type FreeLayer, type LayerCommon, type Rows, type Site } from './layer.ts';

function copyRows(site: Site<unknown>, { from, to, count }: { from: number; to: number; count: number }): void {
  if (from !== to) site.memory.u8.copyWithin(to, from, from + 4 * count * site.outputWidth);
}

/** Copies the input to the output where they are apart; returns the output's address. */
export function outputOf<D>(site: Site<D>, { from, count }: Rows): number {
  const to = site.y(from);
  copyRows(site, { from: site.x(from), to, count });
  return to;
}

/** Copies the output's gradient to the input's where they are apart; returns the input's. */
export function gradientOf<D>(site: Site<D>, { from, count }: Rows): number {
  const to = site.dx(from);
  copyRows(site, { from: site.dy(from), to, count });
  return to;
}

const elementwise = {
  order: 'any',
  inPlace: true,
  keepsOutput: true,
  shape: (_: unknown, input) => input,
} satisfies Partial<LayerCommon<unknown>>;

export const reluLayer: FreeLayer<ReluDeclaration> = {
  ...elementwise,
  forward: (site, rows) => site.kernels.relu(outputOf(site, rows), rows.count * site.outputWidth),
  backward: (site, rows) =>
    site.kernels.reluBackward(site.y(rows.from), gradientOf(site, rows), rows.count * site.outputWidth),
};

export const tanhLayer: FreeLayer<TanhDeclaration> = {
  ...elementwise,
  forward: (site, rows) => site.kernels.tanhForward(outputOf(site, rows), rows.count * site.outputWidth),
  backward: (site, rows) =>
    site.kernels.tanhBackward(site.y(rows.from), gradientOf(site, rows), rows.count * site.outputWidth),
};

export const temperedSigmoidLayer: FreeLayer<TemperedSigmoidDeclaration> = {
  ...elementwise,
  forward(site, rows) {
    const { scale = 2, temperature = 2, offset = 1 } = site.declaration;
    const count = rows.count * site.outputWidth;
    site.kernels.temperedForward(outputOf(site, rows), count, scale, temperature, offset);
  },
  backward(site, rows) {
    const { scale = 2, temperature = 2, offset = 1 } = site.declaration;
    const count = rows.count * site.outputWidth;
    const gradient = gradientOf(site, rows);
    site.kernels.temperedBackward(site.y(rows.from), gradient, count, scale, temperature, offset);
  },
};

export const geluLayer: FreeLayer<GeluDeclaration> = {
  ...elementwise,
  inPlace: false,
  keepsOutput: false,
  forward: (site, { from, count }) => site.kernels.geluForward(site.x(from), site.y(from), count * site.outputWidth),
  backward: (site, { from, count }) =>
    site.kernels.geluBackward(site.x(from), site.dy(from), site.dx(from), count * site.outputWidth),
};

export const softmaxLayer: FreeLayer<SoftmaxDeclaration> = {
  ...elementwise,
  forward: (site, rows) => site.kernels.softmaxForward(outputOf(site, rows), rows.count, site.outputWidth),
  backward: (site, rows) =>
    site.kernels.softmaxBackward(site.y(rows.from), gradientOf(site, rows), rows.count, site.outputWidth),
};

/** Channel-last memory is flat already: nothing moves. */
export const flattenLayer: FreeLayer<FlattenDeclaration> = {
  ...elementwise,
  keepsOutput: false,
  shape: (_, input) => [widthOf(input)],
  forward: () => undefined,
  backward: () => undefined,
};
