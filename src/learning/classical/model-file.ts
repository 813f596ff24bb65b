/**
 * A fitted model as a safetensors file: its numbers as tensors of 64 bits, what they mean as metadata.
 *
 * @module
 */

import { z } from 'zod';

import { decodeSafetensors, encodeSafetensors, ModelError } from '../models/index.ts';
import { categoryColumnSchema, createDesign, featureColumnSchema, numberColumnSchema } from './columns.ts';
import { ClassicalError } from './errors.ts';
import type { ClassicalModel, Tensor } from './estimator.ts';

/** The key of the metadata that describes a classical model. */
const METADATA = 'sotto.classical';

const features = z.array(featureColumnSchema).min(1);
const numbers = z.array(numberColumnSchema).min(1);
const count = z.int().positive();
const common = {
  version: z.literal(1),
  promise: z.strictObject({
    epsilon: z.number().positive(),
    delta: z.number().positive().lt(1),
    relation: z.enum(['add-or-remove-one', 'replace-one', 'zero-out']),
    privacyUnit: z.enum(['example', 'client']),
    maxRows: count,
  }),
};
const trees = { ...common, features, target: categoryColumnSchema };
const treeSettings = z.strictObject({ depth: count, trees: count });
const descriptionSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('naive-bayes'), ...trees, settings: z.strictObject({}) }),
  z.strictObject({
    kind: z.literal('logistic-regression'),
    ...trees,
    settings: z.strictObject({ steps: count, clipNorm: z.number().positive() }),
  }),
  z.strictObject({ kind: z.literal('decision-tree'), ...trees, settings: treeSettings }),
  z.strictObject({ kind: z.literal('random-forest'), ...trees, settings: treeSettings }),
  z.strictObject({
    kind: z.literal('linear-regression'),
    ...common,
    features,
    target: numberColumnSchema,
    settings: z.strictObject({}),
  }),
  z.strictObject({
    kind: z.literal('k-means'),
    ...common,
    features: numbers,
    target: z.null(),
    settings: z.strictObject({ clusters: count, iterations: count }),
  }),
  z.strictObject({
    kind: z.literal('pca'),
    ...common,
    features: numbers,
    target: z.null(),
    settings: z.strictObject({ components: count, scaling: z.enum(['bounds', 'none']) }),
  }),
]);
type Description = z.output<typeof descriptionSchema>;

/** Encodes a model. The same model makes the same bytes. */
export function encodeClassicalModel(fitted: ClassicalModel): Uint8Array {
  const { tensors, ...description } = fitted;
  const checked = descriptionSchema.parse({ version: 1, ...description });
  const copies = new Map(
    Object.entries(tensors).map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]),
  );
  return encodeSafetensors(copies, { [METADATA]: JSON.stringify(checked) });
}

/** Says whether a safetensors file holds a classical model. @throws {ModelError} when it is no safetensors file. */
export function isClassicalModel(bytes: Uint8Array): boolean {
  return Object.hasOwn(decodeSafetensors(bytes).metadata, METADATA);
}

/**
 * Decodes a model: every number is finite, every table of the size that its description calls for, every tree ends.
 * @throws {ClassicalError} 'classical/model-file' when it is another file, or does not hold together.
 */
export function decodeClassicalModel(bytes: Uint8Array): ClassicalModel {
  let file: ReturnType<typeof decodeSafetensors>;
  try {
    file = decodeSafetensors(bytes);
  } catch (cause) {
    if (!(cause instanceof ModelError)) throw cause;
    throw refuse(cause.message);
  }
  const text = file.metadata[METADATA];
  if (text === undefined) throw refuse('it holds no classical model');
  const read = descriptionSchema.safeParse(parseJson(text));
  if (!read.success) throw refuse(`its description is not one: ${z.prettifyError(read.error)}`);
  const shapes = shapesOf(read.data);
  const tensors: Record<string, Tensor> = {};
  for (const [name, { shape, data }] of file.tensors) {
    const wanted = shapes[name];
    if (wanted === undefined) throw refuse(`it has a tensor "${name}", which a ${read.data.kind} has not`);
    const fits = shape.length === wanted.length && shape.every((size, i) => wanted[i] === null || wanted[i] === size);
    if (!fits || !(data instanceof Float64Array)) throw refuse(`its tensor "${name}" is not of the shape it must have`);
    if (!data.every((value) => Number.isFinite(value)))
      throw refuse(`its tensor "${name}" has a number that is not finite`);
    tensors[name] = { shape, data };
  }
  const missing = Object.keys(shapes).find((name) => !Object.hasOwn(tensors, name));
  if (missing !== undefined) throw refuse(`it lacks the tensor "${missing}"`);
  const { version: _version, ...description } = read.data;
  const fitted: ClassicalModel = { ...description, tensors };
  if (tensors.nodes !== undefined) assertTrees(fitted);
  return fitted;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refuse(why: string): ClassicalError {
  return new ClassicalError('classical/model-file', `the model file is refused: ${why}`);
}

/** Shapes of a model's tensors; null where any size is one. */
function shapesOf({
  kind,
  features: columns,
  target,
  settings,
}: Description): Record<string, readonly (number | null)[]> {
  const classes = target?.kind === 'category' ? target.values.length : 0;
  const { width } = createDesign(columns);
  const numeric = columns.filter((column) => column.kind === 'number').length;
  switch (kind) {
    case 'naive-bayes': {
      const cells = width - 1 - numeric;
      return {
        logPrior: [classes],
        ...(numeric === 0 ? {} : { means: [classes, numeric], variances: [classes, numeric] }),
        ...(cells === 0 ? {} : { logShares: [classes, cells] }),
      };
    }
    case 'linear-regression':
      return { weights: [width] };
    case 'logistic-regression':
      return { weights: [width, classes === 2 ? 1 : classes] };
    case 'k-means':
      return { centers: [settings.clusters, numeric] };
    case 'pca':
      return {
        means: [numeric],
        components: [settings.components, numeric],
        variances: [settings.components],
      };
    case 'decision-tree':
    case 'random-forest':
      return {
        prior: [classes],
        roots: [settings.trees],
        nodes: [null, 4],
        sets: [null, null],
        leaves: [null, classes],
      };
  }
}

/** Checks that every question names what there is, and that its ways lead on inside its own tree. */
function assertTrees({ features: columns, tensors }: ClassicalModel): void {
  const { roots, nodes, sets, leaves } = tensors as Record<'roots' | 'nodes' | 'sets' | 'leaves', Tensor>;
  const all = nodes.shape[0] as number;
  const isIndex = (value: number, size: number): boolean => Number.isInteger(value) && value >= 0 && value < size;
  const starts = [...roots.data, all];
  if (
    starts[0] !== 0 ||
    starts.some((start, i) => i > 0 && !(Number.isInteger(start) && start > (starts[i - 1] as number)))
  ) {
    throw refuse('the roots of its trees do not ascend');
  }
  let tree = 0;
  for (let at = 0; at < all; at += 1) {
    if (at >= (starts[tree + 1] as number)) tree += 1;
    const [feature, value, left, right] = nodes.data.subarray(4 * at, 4 * at + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    if (feature === -1) {
      if (!isIndex(value, leaves.shape[0] as number)) throw refuse(`node ${at} names a leaf that there is not`);
      continue;
    }
    const column = isIndex(feature, columns.length) ? columns[feature] : undefined;
    const isSet = column?.kind === 'category';
    if (
      column === undefined ||
      (isSet && (!isIndex(value, sets.shape[0] as number) || (sets.shape[1] as number) < column.values.length))
    ) {
      throw refuse(`node ${at} asks about what there is not`);
    }
    // A way that only leads onwards ends.
    for (const way of [left, right]) {
      if (!isIndex(way, starts[tree + 1] as number) || way <= at) throw refuse(`node ${at} leads nowhere`);
    }
  }
}
