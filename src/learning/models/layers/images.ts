/**
 * Layers over channel-last images: convolution by patches as rows of a matrix, and pooling. The gradient of one
 * example's convolution is formed in a scratch: with weights shared over places it is no outer product.
 *
 * @module
 */

import { panelFloats } from '../../../foundations/kernels/index.ts';
import type { Conv2dDeclaration, PoolDeclaration } from '../declaration.ts';
import { ModelError } from '../errors.ts';
import { startOf } from './dense.ts';
import type { ExampleGradientLayer, FreeLayer, Rows, Shape, Site } from './layer.ts';

type Pair = number | readonly [number, number];

const pairOf = (value: Pair): readonly [number, number] => (typeof value === 'number' ? [value, value] : value);

/** Sizes of a sliding window over an image. */
interface Geometry {
  readonly height: number;
  readonly breadth: number;
  readonly channels: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly output: readonly [number, number];
}

function geometryOf(
  kind: string,
  { kernel, stride, padding }: { kernel: Pair; stride: Pair; padding: Pair },
  input: Shape,
): Geometry {
  const [height, breadth, channels, ...rest] = input;
  if (height === undefined || breadth === undefined || channels === undefined || rest.length > 0) {
    throw new ModelError(
      'models/shape-mismatch',
      `"${kind}" takes images of height × width × channels, got ${input.join(' × ')}`,
      { details: { shape: input } },
    );
  }
  const k = pairOf(kernel);
  const s = pairOf(stride);
  const p = pairOf(padding);
  const output = [
    Math.floor((height + 2 * p[0] - k[0]) / s[0]) + 1,
    Math.floor((breadth + 2 * p[1] - k[1]) / s[1]) + 1,
  ] as const;
  if (output[0] < 1 || output[1] < 1) {
    throw new ModelError(
      'models/shape-mismatch',
      `"${kind}" with a window of ${k.join(' × ')} does not fit an image of ${input.join(' × ')}`,
      { details: { shape: input } },
    );
  }
  return { height, breadth, channels, kernel: k, stride: s, padding: p, output };
}

function convGeometry({ kernel, stride = 1, padding = 0 }: Conv2dDeclaration, input: Shape): Geometry {
  return geometryOf('conv2d', { kernel, stride, padding }, input);
}

interface Sizes extends Geometry {
  readonly groups: number;
  /** Channels a group sees, and makes. */
  readonly seen: number;
  readonly made: number;
  /** Numbers of a patch, and number of patches. */
  readonly patch: number;
  readonly places: number;
}

function sizesOf(declaration: Conv2dDeclaration, input: Shape): Sizes {
  const geometry = convGeometry(declaration, input);
  const groups = declaration.groups ?? 1;
  const seen = geometry.channels / groups;
  return {
    ...geometry,
    groups,
    seen,
    made: declaration.out / groups,
    patch: geometry.kernel[0] * geometry.kernel[1] * seen,
    places: geometry.output[0] * geometry.output[1],
  };
}

/** Sizes of bound layers, computed once. */
const bound = new WeakMap<Site<Conv2dDeclaration>, Sizes>();

function sizesAt(site: Site<Conv2dDeclaration>): Sizes {
  const known = bound.get(site);
  if (known !== undefined) return known;
  const sizes = sizesOf(site.declaration, site.input);
  bound.set(site, sizes);
  return sizes;
}

/** The image of a row with its border of zeros: the row itself when there is none. */
function padded(site: Site<Conv2dDeclaration>, { height, breadth, channels, padding }: Sizes, row: number): number {
  const x = site.x(row);
  if (padding[0] === 0 && padding[1] === 0) return x;
  const area = site.workspace[5] as number;
  site.kernels.padImage(x, height, breadth, channels, padding[0], padding[1], area);
  return area;
}

/** Writes the patches of one group of an image into the first work area. */
function patchesOf(
  site: Site<Conv2dDeclaration>,
  { breadth, channels, padding, seen, kernel, stride, output }: Sizes,
  { image, group }: { image: number; group: number },
): number {
  const rows = site.workspace[0] as number;
  site.kernels.imageToRows(
    image,
    breadth + 2 * padding[1],
    channels,
    group * seen,
    seen,
    kernel[0],
    kernel[1],
    stride[0],
    stride[1],
    output[0],
    output[1],
    rows,
  );
  return rows;
}

export const conv2dLayer: ExampleGradientLayer<Conv2dDeclaration> = {
  order: 'example',
  inPlace: false,
  keepsOutput: false,
  shape(declaration, input) {
    const { output, channels } = convGeometry(declaration, input);
    const { groups = 1, out } = declaration;
    if (channels % groups !== 0 || out % groups !== 0) {
      throw new ModelError(
        'models/shape-mismatch',
        `"groups" must divide the channels in (${channels}) and out (${out}), got ${groups}`,
      );
    }
    return [...output, out];
  },
  tensors(declaration, input) {
    const { kernel, seen, made } = sizesOf(declaration, input);
    const places = kernel[0] * kernel[1];
    const weight = {
      role: 'weight',
      shape: [kernel[0], kernel[1], seen, declaration.out],
      start: startOf(declaration.init, { fanIn: places * seen, fanOut: places * made }),
    };
    if (declaration.bias === false) return [weight];
    return [weight, { role: 'bias', shape: [declaration.out], start: { kind: 'constant', value: 0 } }];
  },
  workspace(declaration, input) {
    const { patch, made, groups, places, height, breadth, channels, padding } = sizesOf(declaration, input);
    return [
      { fixed: 4 * patch * places },
      { fixed: 4 * patch * places },
      { fixed: 4 * groups * panelFloats(patch, made) },
      { fixed: 4 * groups * panelFloats(made, patch) },
      { fixed: 4 * panelFloats(places, made) },
      { fixed: 4 * (height + 2 * padding[0]) * (breadth + 2 * padding[1]) * channels },
    ];
  },
  prepare(site) {
    const { patch, made, groups } = sizesAt(site);
    const { kernels, parameters, workspace, declaration } = site;
    const [weight] = parameters as [number];
    const [, , forward, backward] = workspace as [number, number, number, number];
    for (let group = 0; group < groups; group += 1) {
      const from = weight + 4 * group * made;
      kernels.packPanels(from, declaration.out, 1, patch, made, forward + 4 * group * panelFloats(patch, made));
      if (!site.needsInputGradient) continue;
      kernels.packPanels(from, 1, declaration.out, made, patch, backward + 4 * group * panelFloats(made, patch));
    }
  },
  forward(site, { from, count }) {
    const sizes = sizesAt(site);
    const { kernels, parameters, workspace, declaration } = site;
    const { patch, made, groups, places } = sizes;
    const bias = parameters[1];
    for (let row = from; row < from + count; row += 1) {
      if (bias !== undefined) kernels.broadcastRow(bias, site.y(row), places, declaration.out);
      const image = padded(site, sizes, row);
      for (let group = 0; group < groups; group += 1) {
        const rows = patchesOf(site, sizes, { image, group });
        const panels = (workspace[2] as number) + 4 * group * panelFloats(patch, made);
        const to = site.y(row) + 4 * group * made;
        const mode = bias === undefined ? 0 : 1;
        kernels.gemm(places, made, patch, rows, patch, 1, panels, to, declaration.out, mode);
      }
    }
  },
  backward(site, { from, count }) {
    const { height, breadth, channels, kernel, stride, padding, output, patch, seen, made, groups, places } =
      sizesAt(site);
    const { kernels, workspace, declaration, memory } = site;
    const rows = workspace[1] as number;
    const border = padding[0] > 0 || padding[1] > 0;
    const wide = breadth + 2 * padding[1];
    const size = wide * (height + 2 * padding[0]) * channels;
    for (let row = from; row < from + count; row += 1) {
      const image = border ? (workspace[5] as number) : site.dx(row);
      memory.f32.fill(0, image / 4, image / 4 + size);
      for (let group = 0; group < groups; group += 1) {
        const panels = (workspace[3] as number) + 4 * group * panelFloats(made, patch);
        const delta = site.dy(row) + 4 * group * made;
        kernels.gemm(places, patch, made, delta, declaration.out, 1, panels, rows, patch, 0);
        kernels.rowsToImage(
          rows,
          wide,
          channels,
          group * seen,
          seen,
          kernel[0],
          kernel[1],
          stride[0],
          stride[1],
          output[0],
          output[1],
          image,
        );
      }
      if (border) kernels.cropImage(image, height, breadth, channels, padding[0], padding[1], site.dx(row));
    }
  },
  exampleGradient(site, { from, count }, gradients) {
    const sizes = sizesAt(site);
    const { patch, made, groups, places } = sizes;
    const { kernels, workspace, declaration } = site;
    const panels = workspace[4] as number;
    const { out } = declaration;
    for (let row = from; row < from + count; row += 1) {
      const image = padded(site, sizes, row);
      for (let group = 0; group < groups; group += 1) {
        const rows = patchesOf(site, sizes, { image, group });
        kernels.packPanels(site.dy(row) + 4 * group * made, out, 1, places, made, panels);
        const to = (gradients[0] as number) + 4 * group * made;
        kernels.gemm(patch, made, places, rows, 1, patch, panels, to, out, row === from ? 0 : 1);
      }
    }
    if (gradients[1] !== undefined) kernels.sumRows(site.dy(from), count * places, out, 0, gradients[1]);
  },
};

function poolGeometry({ kind, size, stride = size }: PoolDeclaration, input: Shape): Geometry {
  return geometryOf(kind, { kernel: size, stride, padding: 0 }, input);
}

type PoolArguments = readonly [number, number, number, number, number, number, number, number];

const boundPools = new WeakMap<Site<PoolDeclaration>, PoolArguments>();

function poolArguments(site: Site<PoolDeclaration>): PoolArguments {
  const known = boundPools.get(site);
  if (known !== undefined) return known;
  const { breadth, channels, kernel, stride, output } = poolGeometry(site.declaration, site.input);
  const sizes = [breadth, channels, kernel[0], kernel[1], stride[0], stride[1], output[0], output[1]] as const;
  boundPools.set(site, sizes);
  return sizes;
}

/** Walks the rows of a pool, with `dx` set to zero on the way back. */
function eachRow(
  site: Site<PoolDeclaration>,
  { from, count }: Rows,
  visit: (row: number) => void,
  clear: boolean,
): void {
  for (let row = from; row < from + count; row += 1) {
    if (clear) site.memory.f32.fill(0, site.dx(row) / 4, site.dx(row) / 4 + site.inputWidth);
    visit(row);
  }
}

export const maxPoolLayer: FreeLayer<PoolDeclaration> = {
  order: 'example',
  inPlace: false,
  keepsOutput: false,
  shape(declaration, input) {
    const { output, channels } = poolGeometry(declaration, input);
    return [...output, channels];
  },
  workspace(declaration, input) {
    const { output, channels } = poolGeometry(declaration, input);
    return [{ perRow: 4 * output[0] * output[1] * channels }];
  },
  forward(site, rows) {
    const sizes = poolArguments(site);
    const chosen = (row: number): number => (site.workspace[0] as number) + 4 * row * site.outputWidth;
    eachRow(site, rows, (row) => site.kernels.maxPoolForward(site.x(row), ...sizes, site.y(row), chosen(row)), false);
  },
  backward(site, rows) {
    const sizes = poolArguments(site);
    const chosen = (row: number): number => (site.workspace[0] as number) + 4 * row * site.outputWidth;
    eachRow(site, rows, (row) => site.kernels.maxPoolBackward(site.dy(row), chosen(row), ...sizes, site.dx(row)), true);
  },
};

export const averagePoolLayer: FreeLayer<PoolDeclaration> = {
  order: 'example',
  inPlace: false,
  keepsOutput: false,
  shape(declaration, input) {
    const { output, channels } = poolGeometry(declaration, input);
    return [...output, channels];
  },
  forward(site, rows) {
    const sizes = poolArguments(site);
    eachRow(site, rows, (row) => site.kernels.averagePoolForward(site.x(row), ...sizes, site.y(row)), false);
  },
  backward(site, rows) {
    const sizes = poolArguments(site);
    eachRow(site, rows, (row) => site.kernels.averagePoolBackward(site.dy(row), ...sizes, site.dx(row)), true);
  },
};
