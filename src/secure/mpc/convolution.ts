/**
 * Convolutions modulo 2^64 as products of matrices: patches are gathered (which every party can do with its shares alone)
 * and multiplied by the filters. Channels first, filters row-major by (filter, channel, row, column).
 *
 * @module
 */

import { multiplyMatrices64Into } from '../../foundations/kernels/index.ts';
import { convolutionOutput, type ConvolutionShape } from './preprocessing.ts';

/** Gathers the patches of one example: channels · kernel rows, output positions columns. */
function gatherPatches(input: BigUint64Array, at: number, shape: ConvolutionShape): BigUint64Array {
  const { channels, height, width, kernel, stride, padding } = shape;
  const output = convolutionOutput(shape);
  const positions = output.height * output.width;
  const patches = new BigUint64Array(channels * kernel[0] * kernel[1] * positions);
  let row = 0;
  for (let channel = 0; channel < channels; channel += 1) {
    for (let ky = 0; ky < kernel[0]; ky += 1) {
      for (let kx = 0; kx < kernel[1]; kx += 1) {
        for (let y = 0; y < output.height; y += 1) {
          const sy = y * stride[0] + ky - padding[0];
          if (sy < 0 || sy >= height) continue;
          for (let x = 0; x < output.width; x += 1) {
            const sx = x * stride[1] + kx - padding[1];
            if (sx < 0 || sx >= width) continue;
            patches[row * positions + y * output.width + x] = input[
              at + (channel * height + sy) * width + sx
            ] as bigint;
          }
        }
        row += 1;
      }
    }
  }
  return patches;
}

/** Adds the convolution of `input` with `filters` to `out`, example by example. */
export function convolve64Into(
  out: BigUint64Array,
  input: BigUint64Array,
  filters: BigUint64Array,
  shape: ConvolutionShape,
): void {
  const { batch, channels, height, width, kernel } = shape;
  const output = convolutionOutput(shape);
  const positions = output.height * output.width;
  const product = { rows: shape.filters, inner: channels * kernel[0] * kernel[1], columns: positions };
  for (let example = 0; example < batch; example += 1) {
    const patches = gatherPatches(input, example * channels * height * width, shape);
    const size = shape.filters * positions;
    multiplyMatrices64Into(out.subarray(example * size, (example + 1) * size), filters, patches, product);
  }
}
