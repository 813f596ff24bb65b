/**
 * The schema of a model's declaration in a task file.
 *
 * @module
 */

import { z } from 'zod';

import { BATCH_NORM_REASON, type LayerDeclaration, type Model } from './declaration.ts';

const count = z
  .int()
  .min(1)
  .max(2 ** 24);
const extent = z
  .int()
  .min(0)
  .max(2 ** 16);
const pair = z.union([
  z
    .int()
    .min(1)
    .max(2 ** 16),
  z.tuple([count, count]),
]);
const padding = z.union([extent, z.tuple([extent, extent])]);
const init = z.enum(['glorot', 'he', 'lecun', 'zeros']).optional();
const named = {
  name: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/)
    .optional(),
  frozen: z.boolean().optional(),
};
const epsilon = z.number().positive().max(1).optional();
const pool = { size: pair, stride: pair.optional() };

const layer: z.ZodType<LayerDeclaration> = z.lazy(() =>
  z.discriminatedUnion(
    'kind',
    [
      z.strictObject({
        kind: z.literal('dense'),
        out: count,
        bias: z.boolean().optional(),
        init,
        lora: z.strictObject({ rank: count, alpha: z.number().positive().optional() }).optional(),
        ...named,
      }),
      z.strictObject({
        kind: z.literal('conv2d'),
        out: count,
        kernel: pair,
        stride: pair.optional(),
        padding: padding.optional(),
        groups: count.optional(),
        bias: z.boolean().optional(),
        init,
        ...named,
      }),
      z.strictObject({ kind: z.literal('maxPool'), ...pool }),
      z.strictObject({ kind: z.literal('averagePool'), ...pool }),
      z.strictObject({
        kind: z.literal('embeddingBag'),
        vocabulary: count,
        dimension: count,
        mode: z.enum(['sum', 'mean']),
        padding: z.int().optional(),
        ...named,
      }),
      z.strictObject({ kind: z.literal('layerNorm'), epsilon, ...named }),
      z.strictObject({ kind: z.literal('groupNorm'), groups: count, epsilon, ...named }),
      z.strictObject({ kind: z.literal('relu') }),
      z.strictObject({ kind: z.literal('tanh') }),
      z.strictObject({
        kind: z.literal('temperedSigmoid'),
        scale: z.number().positive().optional(),
        temperature: z.number().positive().optional(),
        offset: z.number().optional(),
      }),
      z.strictObject({ kind: z.literal('gelu') }),
      z.strictObject({ kind: z.literal('softmax') }),
      z.strictObject({ kind: z.literal('dropout'), rate: z.number().min(0).lt(1) }),
      z.strictObject({ kind: z.literal('flatten') }),
      z.strictObject({ kind: z.literal('residual'), layers: z.array(layer).min(1) }),
    ],
    {
      error: ({ input }) =>
        (input as { kind?: unknown } | null)?.kind === 'batchNorm' ? BATCH_NORM_REASON : undefined,
    },
  ),
) as z.ZodType<LayerDeclaration>;

/** A model as a task file declares it: the input's shape follows from the data unless it is stated. */
export type ModelDeclaration = Omit<Model, 'input'> & Partial<Pick<Model, 'input'>>;

const fields = {
  input: z.array(count).min(1).max(4).optional(),
  layers: z.array(layer).min(1).max(1000),
  loss: z.union([
    z.enum(['softmaxCrossEntropy', 'binaryCrossEntropy', 'squaredError']),
    z.strictObject({ kind: z.literal('huber'), threshold: z.number().positive() }),
  ]),
};
/** A model as a task file declares it: `layers` in order, `loss`, and `input`, the shape of one example, if stated. */
export const modelSchema = z.strictObject(fields) as unknown as z.ZodType<ModelDeclaration>;

/** Where training takes up a model that was trained before. */
export interface FineTuning {
  /** A safetensors or ONNX file: tensors of the same name and shape are taken from it. */
  readonly start?: string | undefined;
  /** Layers from the front that are not trained. */
  readonly freeze?: number | undefined;
}

/** A model that training may take up from a file. */
export const startedModelSchema = z.strictObject({
  ...fields,
  start: z.string().min(1).optional(),
  freeze: z.int().nonnegative('must be an integer ≥ 0').optional(),
}) as unknown as z.ZodType<ModelDeclaration & FineTuning>;
