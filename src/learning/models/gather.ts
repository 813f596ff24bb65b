/**
 * Moves rows of a data set into an engine's memory: inputs as floats, labels, and the coins of each row.
 *
 * @module
 */

import type { Dataset } from '../data/index.ts';
import type { Plan } from './plan.ts';
import type { Workshop } from './sites.ts';

/** Rows of a data set, and the number each goes by in coins. */
export interface Sample {
  readonly dataset: Dataset;
  readonly rows: Uint32Array;
  readonly identities: Uint32Array;
}

/** Copies the inputs of some rows to consecutive rows of the engine's input, as floats at their public scale. */
export function gatherInputs(
  { inputWidth }: Plan,
  { kernels, memory, staging, input }: Workshop,
  { dataset, rows }: Pick<Sample, 'dataset' | 'rows'>,
): void {
  const { inputs, inputScale, inputOffset } = dataset;
  const scale = Math.fround(inputScale);
  const offset = Math.fround(inputOffset);
  const count = rows.length * inputWidth;
  if (inputs instanceof Float32Array) {
    for (const [i, row] of rows.entries()) {
      memory.f32.set(inputs.subarray(row * inputWidth, (row + 1) * inputWidth), input / 4 + i * inputWidth);
    }
    if (scale !== 1 || offset !== 0) kernels.affine(input, count, scale, offset);
    return;
  }
  const bytesPerRow = inputWidth * inputs.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(inputs.buffer, inputs.byteOffset, inputs.byteLength);
  for (const [i, row] of rows.entries()) {
    memory.u8.set(bytes.subarray(row * bytesPerRow, (row + 1) * bytesPerRow), staging + i * bytesPerRow);
  }
  if (inputs.BYTES_PER_ELEMENT === 1) kernels.bytesToFloats(staging, input, count, scale, offset);
  else kernels.wordsToFloats(staging, input, count, scale, offset);
}

/** Copies the labels of some rows, each `repeat` times. */
export function gatherLabels(
  { loss }: Plan,
  { memory, labels: target }: Workshop,
  { dataset, rows }: Pick<Sample, 'dataset' | 'rows'>,
  repeat: number,
): void {
  const { labels, labelWidth } = dataset;
  const to = loss === 'softmaxCrossEntropy' ? memory.i32 : memory.f32;
  let at = target / 4;
  for (const row of rows) {
    for (let view = 0; view < repeat; view += 1) {
      for (let j = 0; j < labelWidth; j += 1) {
        to[at] = labels[row * labelWidth + j] as number;
        at += 1;
      }
    }
  }
}

/** Sets the coins of rows: two words for each view of each example, a function of the step and the example's number. */
export function setCoins(
  { kernels, state }: Workshop,
  { identities, stepSeed, views }: { identities: Uint32Array; stepSeed: bigint; views: number },
): void {
  const k0 = Number(BigInt.asUintN(32, stepSeed));
  const k1 = Number(BigInt.asUintN(32, stepSeed >> 32n));
  let at = 0;
  for (const identity of identities) {
    for (let view = 0; view < views; view += 1) {
      const words = kernels.coins(k0, k1, identity, view);
      state.coins[at] = Number(BigInt.asUintN(32, words));
      state.coins[at + 1] = Number(BigInt.asUintN(32, words >> 32n));
      at += 2;
    }
  }
}
