/**
 * Arithmetic on additive shares modulo 2^64: what is linear costs nothing, products cost one opening of masked factors.
 * [Bea91]
 *
 * @module
 */

import { multiplyAdd64Into, multiplyMatrices64Into } from '../../foundations/kernels/index.ts';
import { type MpcContext, openAll } from './context.ts';
import { convolve64Into } from './convolution.ts';
import { componentsOf, type ConvolutionShape, type PreprocessingRequest } from './preprocessing.ts';

type TripleRequest = Extract<PreprocessingRequest, { kind: 'triple' | 'matrix' }>;

/** a + b, entry by entry. */
export function addWords(a: BigUint64Array, b: BigUint64Array): BigUint64Array {
  const out = new BigUint64Array(a.length);
  for (let i = 0; i < out.length; i += 1) out[i] = BigInt.asUintN(64, (a[i] as bigint) + (b[i] as bigint));
  return out;
}

/** a − b, entry by entry. */
export function subtractWords(a: BigUint64Array, b: BigUint64Array): BigUint64Array {
  const out = new BigUint64Array(a.length);
  for (let i = 0; i < out.length; i += 1) out[i] = BigInt.asUintN(64, (a[i] as bigint) - (b[i] as bigint));
  return out;
}

/** factor · a. */
export function scaleWords(a: BigUint64Array, factor: bigint): BigUint64Array {
  const out = new BigUint64Array(a.length);
  const word = BigInt.asUintN(64, factor);
  for (let i = 0; i < out.length; i += 1) out[i] = BigInt.asUintN(64, (a[i] as bigint) * word);
  return out;
}

/** Adds a public vector: one party does. */
export function addPublic(context: MpcContext, a: BigUint64Array, value: BigUint64Array): BigUint64Array {
  return context.party === 0 ? addWords(a, value) : a.slice();
}

/** Opens two factors masked with a triple (a, b, c): e = x − a, f = y − b; the product begins as a copy of c. */
async function openFactors(
  context: MpcContext,
  [x, y]: readonly [x: BigUint64Array, y: BigUint64Array],
  request: TripleRequest,
) {
  const [a, b, c] = (await context.preprocessing.request(request)) as [BigUint64Array, BigUint64Array, BigUint64Array];
  const [e, f] = (await openAll(context, [
    { kind: 'arithmetic', words: subtractWords(x, a) },
    { kind: 'arithmetic', words: subtractWords(y, b) },
  ])) as [BigUint64Array, BigUint64Array];
  return { e, f, a, product: c.slice() };
}

/** Products entry by entry: x·y = e·y + a·f + a·b with e = x − a, f = y − b opened. */
export async function multiplyShares(
  context: MpcContext,
  x: BigUint64Array,
  y: BigUint64Array,
): Promise<BigUint64Array> {
  const { e, f, a, product } = await openFactors(context, [x, y], { kind: 'triple', count: x.length });
  multiplyAdd64Into(product, e, y);
  multiplyAdd64Into(product, f, a);
  return product;
}

/** The product of two secret matrices. */
export async function multiplyMatrixShares(
  context: MpcContext,
  x: BigUint64Array,
  y: BigUint64Array,
  shape: { readonly rows: number; readonly inner: number; readonly columns: number },
): Promise<BigUint64Array> {
  const { e, f, a, product } = await openFactors(context, [x, y], { kind: 'matrix', ...shape });
  multiplyMatrices64Into(product, e, y, shape);
  multiplyMatrices64Into(product, a, f, shape);
  return product;
}

/** A secret weight whose masked form was opened once and serves every product from then on. */
export interface MaskedWeight {
  readonly name: string;
  readonly share: BigUint64Array;
  /** weight − mask, public. */
  readonly opened: BigUint64Array;
}

/** Masks weights and opens them, all in one round. */
export async function maskWeights(
  context: MpcContext,
  weights: readonly { readonly name: string; readonly share: BigUint64Array }[],
): Promise<readonly MaskedWeight[]> {
  const masked: BigUint64Array[] = [];
  for (const { name, share } of weights) {
    const [mask] = await context.preprocessing.request({ kind: 'weight', name, count: share.length });
    masked.push(subtractWords(share, mask as BigUint64Array));
  }
  const opened = await openAll(
    context,
    masked.map((words) => ({ kind: 'arithmetic', words })),
  );
  return weights.map((weight, i) => ({ ...weight, opened: opened[i] as BigUint64Array }));
}

/** x · W for a masked weight: only x − a is opened. */
export async function multiplyByWeight(
  context: MpcContext,
  x: BigUint64Array,
  weight: MaskedWeight,
  shape: { readonly rows: number; readonly inner: number; readonly columns: number },
): Promise<BigUint64Array> {
  const [a, c] = (await context.preprocessing.request({ kind: 'matrix', ...shape, weight: weight.name })) as [
    BigUint64Array,
    BigUint64Array,
  ];
  const [e] = (await openAll(context, [{ kind: 'arithmetic', words: subtractWords(x, a) }])) as [BigUint64Array];
  const out = c.slice();
  multiplyMatrices64Into(out, e, weight.share, shape);
  multiplyMatrices64Into(out, a, weight.opened, shape);
  return out;
}

/** The convolution of x with masked filters: the input is opened once, not once a patch. */
export async function convolveByWeight(
  context: MpcContext,
  x: BigUint64Array,
  weight: MaskedWeight,
  shape: ConvolutionShape,
): Promise<BigUint64Array> {
  const request = { kind: 'convolution', shape, weight: weight.name } as const;
  const [a, c] = (await context.preprocessing.request(request)) as [BigUint64Array, BigUint64Array];
  const [e] = (await openAll(context, [{ kind: 'arithmetic', words: subtractWords(x, a) }])) as [BigUint64Array];
  const out = c.slice();
  if (out.length !== componentsOf(request)[1]?.length) throw new RangeError('the convolution has another output');
  convolve64Into(out, e, weight.share, shape);
  convolve64Into(out, a, weight.opened, shape);
  return out;
}
