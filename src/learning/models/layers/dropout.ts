/**
 * Dropout, example by example: which numbers are dropped follows from the step's coins and the example's own number, so
 * that it is the same in any batch, block or worker, and the way back drops the same.
 *
 * @module
 */

import type { DropoutDeclaration } from '../declaration.ts';
import { ModelError } from '../errors.ts';
import { gradientOf, outputOf } from './activations.ts';
import type { FreeLayer, Site } from './layer.ts';

function drop(site: Site<DropoutDeclaration>, { at, row }: { at: number; row: number }): void {
  const { rate } = site.declaration;
  const [k0, k1] = site.coins(row);
  const threshold = Math.min(2 ** 32 - 1, Math.round(rate * 2 ** 32));
  site.kernels.dropInPlace(at, site.outputWidth, threshold, 1 / (1 - rate), k0, k1, site.ordinal);
}

export const dropoutLayer: FreeLayer<DropoutDeclaration> = {
  order: 'any',
  inPlace: true,
  keepsOutput: false,
  shape({ rate }, input) {
    if (!(rate >= 0 && rate < 1)) {
      throw new ModelError('models/shape-mismatch', `"rate" must be a number in [0, 1), got ${rate}`);
    }
    return input;
  },
  forward(site, rows) {
    const at = outputOf(site, rows);
    if (!site.training) return;
    for (let i = 0; i < rows.count; i += 1) drop(site, { at: at + 4 * i * site.outputWidth, row: rows.from + i });
  },
  backward(site, rows) {
    const at = gradientOf(site, rows);
    for (let i = 0; i < rows.count; i += 1) drop(site, { at: at + 4 * i * site.outputWidth, row: rows.from + i });
  },
};
