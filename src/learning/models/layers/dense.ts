/**
 * The dense layer. Its gradient for one example is the outer product δ aᵀ, so the norm is ‖δ‖·‖a‖ and no gradient needs
 * to be formed ("ghost clipping" [LTLH22], after Goodfellow 2015).
 *
 * @module
 */

import { panelFloats } from '../../../foundations/kernels/index.ts';
import type { DenseDeclaration, Initialization } from '../declaration.ts';
import { widthOf, type GhostLayer, type TensorDeclaration } from './layer.ts';

/** The bound of the uniform distribution a weight starts from. */
export function startOf(
  init: Initialization | undefined,
  { fanIn, fanOut }: { fanIn: number; fanOut: number },
): TensorDeclaration['start'] {
  switch (init ?? 'glorot') {
    case 'glorot':
      return { kind: 'uniform', bound: Math.sqrt(6 / (fanIn + fanOut)) };
    case 'he':
      return { kind: 'uniform', bound: Math.sqrt(6 / fanIn) };
    case 'lecun':
      return { kind: 'uniform', bound: Math.sqrt(3 / fanIn) };
    case 'zeros':
      return { kind: 'constant', value: 0 };
  }
}

/** Largest number of rows that {@link GhostLayer.accumulate} takes at once. */
const BLOCK = 64;

export const denseLayer: GhostLayer<DenseDeclaration> = {
  order: 'batch',
  inPlace: false,
  keepsOutput: false,
  shape: ({ out }) => [out],
  tensors({ out, bias = true, init }, input) {
    const fanIn = widthOf(input);
    const weight = { role: 'weight', shape: [fanIn, out], start: startOf(init, { fanIn, fanOut: out }) };
    return bias ? [weight, { role: 'bias', shape: [out], start: { kind: 'constant', value: 0 } }] : [weight];
  },
  workspace: ({ out }, input) => [
    { fixed: 4 * panelFloats(widthOf(input), out) },
    { fixed: 4 * panelFloats(out, widthOf(input)) },
    { fixed: 4 * panelFloats(BLOCK, out) },
    { fixed: 4 * out },
  ],
  prepare({ kernels, inputWidth, outputWidth, parameters, workspace, needsInputGradient }) {
    const [weight] = parameters as [number];
    const [forward, backward] = workspace as [number, number];
    kernels.packPanels(weight, outputWidth, 1, inputWidth, outputWidth, forward);
    if (needsInputGradient) kernels.packPanels(weight, 1, outputWidth, outputWidth, inputWidth, backward);
  },
  forward(site, { from, count }) {
    const { kernels, inputWidth, outputWidth, parameters, workspace } = site;
    const [panels] = workspace as [number];
    const bias = parameters[1];
    if (bias !== undefined) kernels.broadcastRow(bias, site.y(from), count, outputWidth);
    const mode = bias === undefined ? 0 : 1;
    kernels.gemm(count, outputWidth, inputWidth, site.x(from), inputWidth, 1, panels, site.y(from), outputWidth, mode);
  },
  backward(site, { from, count }) {
    const { kernels, inputWidth, outputWidth, workspace } = site;
    const [, panels] = workspace as [number, number];
    kernels.gemm(count, inputWidth, outputWidth, site.dy(from), outputWidth, 1, panels, site.dx(from), inputWidth, 0);
  },
  ghostNorm(site, { from, count }, norms) {
    const [weight, bias = 0] = norms as [number, number?];
    const { kernels, inputWidth, outputWidth } = site;
    kernels.denseGhostNorms(site.x(from), inputWidth, site.dy(from), outputWidth, count, weight, bias);
  },
  accumulate(site, { from, count }, { factors, sums, magic }) {
    const { kernels, inputWidth, outputWidth, workspace } = site;
    const [, , panels, row] = workspace as [number, number, number, number];
    const delta = site.dy(from);
    if (sums[1] !== undefined) {
      kernels.sumRows(delta, count, outputWidth, factors[1] as number, row);
      kernels.flushGrid(row, sums[1], outputWidth, magic);
    }
    kernels.scaleRows(delta, count, outputWidth, factors[0] as number);
    kernels.packPanels(delta, outputWidth, 1, count, outputWidth, panels);
    kernels.gemmGrid(
      inputWidth,
      outputWidth,
      count,
      site.x(from),
      inputWidth,
      panels,
      sums[0] as number,
      outputWidth,
      magic,
    );
  },
  exampleGradient(site, { from, count }, gradients) {
    const { kernels, inputWidth, outputWidth, workspace } = site;
    const [, , panels] = workspace as [number, number, number];
    for (let done = 0; done < count; done += BLOCK) {
      const rows = Math.min(BLOCK, count - done);
      kernels.packPanels(site.dy(from + done), outputWidth, 1, rows, outputWidth, panels);
      kernels.gemm(
        inputWidth,
        outputWidth,
        rows,
        site.x(from + done),
        1,
        inputWidth,
        panels,
        gradients[0] as number,
        outputWidth,
        done === 0 ? 0 : 1,
      );
    }
    if (gradients[1] !== undefined) kernels.sumRows(site.dy(from), count, outputWidth, 0, gradients[1]);
  },
};
