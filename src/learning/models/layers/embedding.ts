/**
 * The bag of embeddings. One example touches the few rows of the table whose tokens it holds, so its gradient's norm is
 * ‖δ‖² Σ (times a token comes)², and sums are touched sparsely, in float64, one addition a distinct token.
 *
 * @module
 */

import type { EmbeddingBagDeclaration } from '../declaration.ts';
import { ModelError } from '../errors.ts';
import { widthOf, type GhostLayer, type Site } from './layer.ts';

/** The number that stands for no token. */
export function paddingOf({ vocabulary, padding = vocabulary }: EmbeddingBagDeclaration): number {
  return padding;
}

/** The bag of a row, as the forward pass has read it. */
function bagAt({ inputWidth, workspace }: Site<EmbeddingBagDeclaration>, row: number): number {
  return (workspace[2] as number) + 4 * (inputWidth + 1) * row;
}

export const embeddingBagLayer: GhostLayer<EmbeddingBagDeclaration> = {
  order: 'batch',
  inPlace: false,
  keepsOutput: false,
  shape({ dimension }, input) {
    if (input.length !== 1) {
      throw new ModelError(
        'models/shape-mismatch',
        `"embeddingBag" takes a row of tokens, got an input of ${input.join(' × ')}`,
      );
    }
    return [dimension];
  },
  tensors: ({ vocabulary, dimension }) => [
    { role: 'weight', shape: [vocabulary, dimension], start: { kind: 'uniform', bound: Math.sqrt(3 / dimension) } },
  ],
  workspace: ({ vocabulary, dimension }, input) => [
    { fixed: 4 * vocabulary },
    { fixed: 8 * dimension },
    { perRow: 4 * (widthOf(input) + 1) },
  ],
  forward(site, { from, count }) {
    const { kernels, inputWidth, declaration, parameters } = site;
    const { vocabulary, dimension, mode } = declaration;
    const [table] = parameters as [number];
    const bags = bagAt(site, from);
    kernels.bagTokens(site.x(from), inputWidth, count, vocabulary, paddingOf(declaration), bags);
    kernels.bagForward(bags, inputWidth, count, table, dimension, mode === 'mean', site.y(from));
  },
  backward() {
    throw new TypeError('a bag of tokens has no gradient by its tokens: it must come first');
  },
  ghostNorm(site, { from, count }, norms) {
    const { kernels, inputWidth, declaration, workspace } = site;
    const { dimension, mode } = declaration;
    kernels.bagGhostNorms(
      bagAt(site, from),
      inputWidth,
      count,
      site.dy(from),
      dimension,
      mode === 'mean',
      workspace[0] as number,
      norms[0] as number,
    );
  },
  accumulate(site, { from, count }, { factors, sums, magic }) {
    const { kernels, inputWidth, declaration, workspace } = site;
    const { dimension, mode } = declaration;
    kernels.bagAccumulate(
      bagAt(site, from),
      inputWidth,
      count,
      site.dy(from),
      dimension,
      mode === 'mean',
      factors[0] as number,
      workspace[0] as number,
      workspace[1] as number,
      sums[0] as number,
      magic,
    );
  },
  exampleGradient(site, { from, count }, gradients) {
    const { kernels, declaration, memory } = site;
    const { vocabulary, dimension, mode } = declaration;
    const target = gradients[0] as number;
    memory.f32.fill(0, target / 4, target / 4 + vocabulary * dimension);
    for (let row = from; row < from + count; row += 1) {
      kernels.bagGradient(bagAt(site, row), site.dy(row), dimension, mode === 'mean', target);
    }
  },
};
