/**
 * A frozen dense layer with a trained low-rank adapter [HSW22]: y = x W + b + s (x A) B, s = alpha / rank. The two trained
 * gradients are outer products, xᵀ (s δ Bᵀ) and (s x A)ᵀ δ, so both norms come without forming them.
 *
 * @module
 */

import { panelFloats } from '../../../foundations/kernels/index.ts';
import type { DenseDeclaration } from '../declaration.ts';
import { denseLayer } from './dense.ts';
import { widthOf, type GhostLayer, type Rows, type Site } from './layer.ts';

/** A dense declaration that has an adapter. */
export interface LoraDeclaration extends Omit<DenseDeclaration, 'kind' | 'lora'> {
  readonly kind: 'lora';
  readonly lora: { readonly rank: number; readonly alpha?: number };
}

const BLOCK = 64;

/** Work areas after those of the dense layer. */
interface Areas {
  readonly aForward: number;
  readonly aBackward: number;
  readonly bForward: number;
  readonly bBackward: number;
  readonly panels: number;
  readonly hidden: number;
  readonly delta: number;
}

interface Parts extends Areas {
  readonly rank: number;
  readonly scale: number;
  readonly a: number;
  readonly b: number;
}

function partsOf({ declaration, parameters, workspace }: Site<LoraDeclaration>): Parts {
  const { rank, alpha = rank } = declaration.lora;
  const [a, b] = parameters.slice(-2) as [number, number];
  const [aForward, aBackward, bForward, bBackward, panels, hidden, delta] = workspace.slice(4) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return { rank, scale: alpha / rank, a, b, aForward, aBackward, bForward, bBackward, panels, hidden, delta };
}

const bases = new WeakMap<Site<LoraDeclaration>, Site<DenseDeclaration>>();

/**
 * The dense layer's own view of the site: its first work areas are the same, and its parameters are all but the adapter's,
 * which it would take for a bias where there is none.
 */
function base(site: Site<LoraDeclaration>): Site<DenseDeclaration> {
  const known = bases.get(site);
  if (known !== undefined) return known;
  const parameters = { value: site.parameters.slice(0, -2) };
  const view = Object.create(site, { parameters }) as unknown as Site<DenseDeclaration>;
  bases.set(site, view);
  return view;
}

/** s δ Bᵀ, the gradient by x A. */
function adapterDelta(site: Site<LoraDeclaration>, { from, count }: Rows): number {
  const { rank, scale, bBackward, delta } = partsOf(site);
  const to = delta + 4 * rank * from;
  const { outputWidth, kernels } = site;
  kernels.gemm(count, rank, outputWidth, site.dy(from), outputWidth, 1, bBackward, to, rank, 0);
  kernels.affine(to, count * rank, scale, 0);
  return to;
}

export const loraLayer: GhostLayer<LoraDeclaration> = {
  order: 'batch',
  inPlace: false,
  keepsOutput: false,
  shape: ({ out }) => [out],
  tensors(declaration, input) {
    const { rank } = declaration.lora;
    const fanIn = widthOf(input);
    const start = { kind: 'uniform', bound: Math.sqrt(3 / fanIn) } as const;
    return [
      ...denseLayer
        .tensors({ ...declaration, kind: 'dense' } as DenseDeclaration, input)
        .map((tensor) => ({ ...tensor, frozen: true })),
      { role: 'loraA', shape: [fanIn, rank], start },
      { role: 'loraB', shape: [rank, declaration.out], start: { kind: 'constant', value: 0 } },
    ];
  },
  workspace(declaration, input) {
    const { rank } = declaration.lora;
    const { out } = declaration;
    const width = widthOf(input);
    return [
      ...(denseLayer.workspace?.({ ...declaration, kind: 'dense' } as DenseDeclaration, input) ?? []),
      { fixed: 4 * panelFloats(width, rank) },
      { fixed: 4 * panelFloats(rank, width) },
      { fixed: 4 * panelFloats(rank, out) },
      { fixed: 4 * panelFloats(out, rank) },
      { fixed: 4 * panelFloats(BLOCK, Math.max(rank, out)) },
      { perRow: 4 * rank },
      { perRow: 4 * rank },
    ];
  },
  prepare(site) {
    denseLayer.prepare?.(base(site));
    const { kernels, inputWidth, outputWidth } = site;
    const { rank, a, b, aForward, aBackward, bForward, bBackward } = partsOf(site);
    kernels.packPanels(a, rank, 1, inputWidth, rank, aForward);
    kernels.packPanels(a, 1, rank, rank, inputWidth, aBackward);
    kernels.packPanels(b, outputWidth, 1, rank, outputWidth, bForward);
    kernels.packPanels(b, 1, outputWidth, outputWidth, rank, bBackward);
  },
  forward(site, rows) {
    const { kernels, inputWidth, outputWidth } = site;
    const { from, count } = rows;
    const { rank, scale, aForward, bForward, hidden } = partsOf(site);
    denseLayer.forward(base(site), rows);
    const at = hidden + 4 * rank * from;
    kernels.gemm(count, rank, inputWidth, site.x(from), inputWidth, 1, aForward, at, rank, 0);
    kernels.affine(at, count * rank, scale, 0);
    kernels.gemm(count, outputWidth, rank, at, rank, 1, bForward, site.y(from), outputWidth, 1);
  },
  backward(site, rows) {
    const { kernels, inputWidth } = site;
    const { from, count } = rows;
    const { rank, aBackward } = partsOf(site);
    denseLayer.backward(base(site), rows);
    const delta = adapterDelta(site, rows);
    kernels.gemm(count, inputWidth, rank, delta, rank, 1, aBackward, site.dx(from), inputWidth, 1);
  },
  ghostNorm(site, rows, norms) {
    const { kernels, inputWidth, outputWidth } = site;
    const { from, count } = rows;
    const { rank, hidden } = partsOf(site);
    const [ofA, ofB] = norms as [number, number];
    const delta = adapterDelta(site, rows);
    kernels.denseGhostNorms(site.x(from), inputWidth, delta, rank, count, ofA, 0);
    kernels.denseGhostNorms(hidden + 4 * rank * from, rank, site.dy(from), outputWidth, count, ofB, 0);
  },
  accumulate(site, rows, { factors, sums, magic }) {
    const { kernels, inputWidth, outputWidth, memory } = site;
    const { from, count } = rows;
    const { rank, hidden, panels } = partsOf(site);
    const [factorA, factorB] = factors as [number, number];
    const [sumA, sumB] = sums as [number, number];
    const delta = adapterDelta(site, rows);
    kernels.scaleRows(delta, count, rank, factorA);
    kernels.packPanels(delta, rank, 1, count, rank, panels);
    kernels.gemmGrid(inputWidth, rank, count, site.x(from), inputWidth, panels, sumA, rank, magic);
    for (let i = 0; i < count; i += 1) {
      if (memory.f32[factorB / 4 + i] !== 0) continue;
      const at = hidden / 4 + rank * (from + i);
      memory.f32.fill(0, at, at + rank);
    }
    kernels.scaleRows(site.dy(from), count, outputWidth, factorB);
    kernels.packPanels(site.dy(from), outputWidth, 1, count, outputWidth, panels);
    const left = hidden + 4 * rank * from;
    kernels.gemmGrid(rank, outputWidth, count, left, rank, panels, sumB, outputWidth, magic);
  },
  exampleGradient(site, rows, gradients) {
    const { kernels, inputWidth, outputWidth } = site;
    const { rank, hidden, panels } = partsOf(site);
    const [toA, toB] = gradients as [number, number];
    for (let done = 0; done < rows.count; done += BLOCK) {
      const count = Math.min(BLOCK, rows.count - done);
      const from = rows.from + done;
      const mode = done === 0 ? 0 : 1;
      const delta = adapterDelta(site, { from, count });
      kernels.packPanels(delta, rank, 1, count, rank, panels);
      kernels.gemm(inputWidth, rank, count, site.x(from), 1, inputWidth, panels, toA, rank, mode);
      kernels.packPanels(site.dy(from), outputWidth, 1, count, outputWidth, panels);
      const left = hidden + 4 * rank * from;
      kernels.gemm(rank, outputWidth, count, left, 1, rank, panels, toB, outputWidth, mode);
    }
  },
};
