/**
 * Normalisation within one example: layer norm over all its numbers, group norm over groups of channels. Both are the
 * same kernel: layer norm is one group with as many channels as there are numbers, at one place.
 *
 * @module
 */

import type { GroupNormDeclaration, LayerNormDeclaration } from '../declaration.ts';
import { ModelError } from '../errors.ts';
import { widthOf, type ExampleGradientLayer, type Shape, type Site } from './layer.ts';

type NormDeclaration = LayerNormDeclaration | GroupNormDeclaration;

interface Sizes {
  readonly places: number;
  readonly channels: number;
  readonly groups: number;
}

function sizesOf(declaration: NormDeclaration, input: Shape): Sizes {
  if (declaration.kind === 'layerNorm') return { places: 1, channels: widthOf(input), groups: 1 };
  const channels = input.at(-1) ?? 1;
  return { places: widthOf(input) / channels, channels, groups: declaration.groups };
}

const DEFAULT_EPSILON = 1e-5;

function createNormLayer<Declaration extends NormDeclaration>(
  order: 'any' | 'example',
): ExampleGradientLayer<Declaration> {
  const statsAt = (site: Site<Declaration>, row: number, groups: number): number =>
    (site.workspace[0] as number) + 8 * groups * row;
  return {
    order,
    inPlace: false,
    keepsOutput: false,
    shape(declaration, input) {
      const { channels, groups } = sizesOf(declaration, input);
      if (channels % groups !== 0) {
        throw new ModelError('models/shape-mismatch', `"groups" must divide the ${channels} channels, got ${groups}`);
      }
      return input;
    },
    tensors(declaration, input) {
      const shape = declaration.kind === 'layerNorm' ? input : [sizesOf(declaration, input).channels];
      return [
        { role: 'weight', shape, start: { kind: 'constant', value: 1 } },
        { role: 'bias', shape, start: { kind: 'constant', value: 0 } },
      ];
    },
    workspace: (declaration, input) => [{ perRow: 8 * sizesOf(declaration, input).groups }],
    forward(site, { from, count }) {
      const { places, channels, groups } = sizesOf(site.declaration, site.input);
      const [weight, bias] = site.parameters as [number, number];
      const { epsilon = DEFAULT_EPSILON } = site.declaration;
      for (let row = from; row < from + count; row += 1) {
        const stats = statsAt(site, row, groups);
        site.kernels.normForward(site.x(row), places, channels, groups, weight, bias, epsilon, stats, site.y(row));
      }
    },
    backward(site, { from, count }) {
      const { places, channels, groups } = sizesOf(site.declaration, site.input);
      const [weight] = site.parameters as [number];
      for (let row = from; row < from + count; row += 1) {
        const stats = statsAt(site, row, groups);
        site.kernels.normBackward(site.x(row), site.dy(row), places, channels, groups, weight, stats, site.dx(row));
      }
    },
    exampleGradient(site, { from, count }, gradients) {
      const { places, channels, groups } = sizesOf(site.declaration, site.input);
      const [weight, bias] = gradients as [number, number];
      site.memory.f32.fill(0, weight / 4, weight / 4 + channels);
      site.memory.f32.fill(0, bias / 4, bias / 4 + channels);
      for (let row = from; row < from + count; row += 1) {
        const stats = statsAt(site, row, groups);
        site.kernels.normGradient(site.x(row), site.dy(row), places, channels, groups, stats, weight, bias);
      }
    },
  };
}

export const layerNormLayer = createNormLayer<LayerNormDeclaration>('any');
export const groupNormLayer = createNormLayer<GroupNormDeclaration>('example');
