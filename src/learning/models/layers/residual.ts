/**
 * A residual connection is two steps of the plan around its inner layers: `fork` keeps the input, `join` adds it.
 *
 * @module
 */

import type { FreeLayer } from './layer.ts';

export interface ForkDeclaration {
  readonly kind: 'fork';
}
export interface JoinDeclaration {
  readonly kind: 'join';
}

/** The output is the input's memory; the gradient that skipped the inner layers is added on the way back. */
export const forkLayer: FreeLayer<ForkDeclaration> = {
  order: 'any',
  inPlace: true,
  keepsOutput: true,
  shape: (_, input) => input,
  forward: () => undefined,
  backward(site, { from, count }) {
    site.kernels.axpy(1, site.partner().dy(from), site.dy(from), count * site.outputWidth);
  },
};

export const joinLayer: FreeLayer<JoinDeclaration> = {
  order: 'any',
  inPlace: false,
  keepsOutput: false,
  shape: (_, input) => input,
  forward(site, { from, count }) {
    const bytes = count * site.outputWidth * 4;
    site.memory.u8.copyWithin(site.y(from), site.x(from), site.x(from) + bytes);
    site.kernels.axpy(1, site.partner().y(from), site.y(from), count * site.outputWidth);
  },
  backward(site, { from, count }) {
    const bytes = count * site.outputWidth * 4;
    site.memory.u8.copyWithin(site.dx(from), site.dy(from), site.dy(from) + bytes);
  },
};
