/**
 * The filters of the scattering transform with J = 2 scales and L = 8 angles: Morlet wavelets and a Gaussian low-pass,
 * with the parameters, the padding and the order of channels of Kymatio [AAEXBBBBBCEHLLLMOTWZ20], so that features are
 * those of the published recipes [TB21]. Deviation from Kymatio 0.3: π is π (it writes 3.1415 in one normalisation).
 *
 * @module
 */

import type { ScatteringTables } from '../../foundations/kernels/index.ts';

/** Angles of a scale. */
const ANGLES = 8;
/** Channels of a plane: the low-pass, two scales of eight angles, and the pairs of a fine and a coarse angle. */
export const SCATTERING_CHANNELS = 1 + 2 * ANGLES + ANGLES * ANGLES;
/**
 * Typical spread of each channel on pictures of strokes with pixels in [0, 1], to one digit: each modulus takes most of
 * the energy away. Public constants that bring the channels to one scale.
 */
export const CHANNEL_SCALES: readonly number[] = [
  0.2,
  ...Array.from({ length: ANGLES }, () => 0.03),
  ...Array.from({ length: ANGLES }, () => 0.04),
  ...Array.from({ length: ANGLES * ANGLES }, () => 0.004),
];
/** Every fourth point is kept: 2^J. */
const STRIDE = 4;
/** Width of the finest envelope, its centre frequency, and the ratio of its axes. [AAEXBBBBBCEHLLLMOTWZ20] */
const SIGMA = 0.8;
const FREQUENCY = 0.75 * Math.PI;
const SLANT = 4 / ANGLES;
/** Copies of the plane on each side that a filter is wrapped over. */
const WRAPS = 2;

/** One side of a padded plane. */
export interface Padding {
  /** Length with the padding. */
  readonly padded: number;
  /** Points before the image. */
  readonly before: number;
  /** Samples kept. */
  readonly kept: number;
  /** Index of the first sample kept among every fourth point of the padded side. */
  readonly first: number;
}

/** Lays out a side of `size` points: padded to a multiple of four that is a product of 2, 3 and 5. */
export function computePadding(size: number): Padding {
  let padded = (Math.floor((size + STRIDE) / STRIDE) + 1) * STRIDE;
  while (!isSmooth(padded)) padded += STRIDE;
  const before = Math.floor((padded - size) / 2);
  return { padded, before, kept: Math.floor(size / STRIDE), first: Math.ceil(before / STRIDE) };
}

function isSmooth(n: number): boolean {
  let rest = n;
  for (const prime of [2, 3, 5]) while (rest % prime === 0) rest /= prime;
  return rest === 1;
}

interface Wave {
  readonly sigma: number;
  readonly theta: number;
  readonly frequency: number;
  readonly slant: number;
}

/** Writes a wrapped Gabor wave: Σ over the wraps of envelope(x) · e^(i frequency·x), real and imaginary part. */
function gabor(rows: number, columns: number, { sigma, theta, frequency, slant }: Wave): [Float64Array, Float64Array] {
  const real = new Float64Array(rows * columns);
  const imaginary = new Float64Array(rows * columns);
  const [c, s] = [Math.cos(theta), Math.sin(theta)];
  const norm = slant / (2 * Math.PI * sigma * sigma);
  for (let y = -WRAPS * rows; y < (WRAPS + 1) * rows; y += 1) {
    for (let x = -WRAPS * columns; x < (WRAPS + 1) * columns; x += 1) {
      // The first axis is the row; along the wave, and across it.
      const along = y * c + x * s;
      const across = (x * c - y * s) * slant;
      const exponent = -(along * along + across * across) / (2 * sigma * sigma);
      if (exponent < -700) continue;
      const envelope = norm * Math.exp(exponent);
      const at = ((y + WRAPS * rows) % rows) * columns + ((x + WRAPS * columns) % columns);
      real[at] = (real[at] as number) + envelope * Math.cos(frequency * along);
      imaginary[at] = (imaginary[at] as number) + envelope * Math.sin(frequency * along);
    }
  }
  return [real, imaginary];
}

/** A Morlet wavelet: a Gabor wave less the multiple of its envelope that brings the sum to zero. */
function morlet(rows: number, columns: number, wave: Wave): [Float64Array, Float64Array] {
  const [real, imaginary] = gabor(rows, columns, wave);
  const [envelope] = gabor(rows, columns, { ...wave, frequency: 0 });
  const total = envelope.reduce((a, b) => a + b);
  const realShare = real.reduce((a, b) => a + b) / total;
  const imaginaryShare = imaginary.reduce((a, b) => a + b) / total;
  return [
    real.map((value, i) => value - realShare * (envelope[i] as number)),
    imaginary.map((value, i) => value - imaginaryShare * (envelope[i] as number)),
  ];
}

/** The wavelet of a scale and an angle, as Kymatio numbers them. */
export function createWavelet(
  { rows, columns }: { rows: number; columns: number },
  { scale, angle }: { scale: number; angle: number },
): [Float64Array, Float64Array] {
  return morlet(rows, columns, {
    sigma: SIGMA * 2 ** scale,
    theta: ((ANGLES / 2 - 1 - angle) * Math.PI) / ANGLES,
    frequency: FREQUENCY / 2 ** scale,
    slant: SLANT,
  });
}

/** The real part of the discrete Fourier transform; a wavelet's transform has no other, for ψ(−x) is its conjugate. */
function transferFunction(rows: number, columns: number, [real, imaginary]: [Float64Array, Float64Array]) {
  const cosRow = table(rows, Math.cos);
  const sinRow = table(rows, Math.sin);
  const cosColumn = table(columns, Math.cos);
  const sinColumn = table(columns, Math.sin);
  // Along the columns first, complex; then along the rows, real part alone. Factor e^(−i2πkx/n) = cos − i sin.
  const halfRe = new Float64Array(rows * columns);
  const halfIm = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r += 1) {
    for (let k = 0; k < columns; k += 1) {
      let re = 0;
      let im = 0;
      for (let x = 0; x < columns; x += 1) {
        const [a, b] = [real[r * columns + x] as number, imaginary[r * columns + x] as number];
        const [c, s] = [cosColumn[(k * x) % columns] as number, sinColumn[(k * x) % columns] as number];
        re += a * c + b * s;
        im += b * c - a * s;
      }
      halfRe[r * columns + k] = re;
      halfIm[r * columns + k] = im;
    }
  }
  const out = new Float32Array(rows * columns);
  for (let l = 0; l < rows; l += 1) {
    for (let k = 0; k < columns; k += 1) {
      let re = 0;
      for (let r = 0; r < rows; r += 1) {
        const turn = (l * r) % rows;
        re +=
          (halfRe[r * columns + k] as number) * (cosRow[turn] as number) +
          (halfIm[r * columns + k] as number) * (sinRow[turn] as number);
      }
      // The inverse transform's 1 / (rows · columns), and what halving the resolution adds, both in one factor.
      out[l * columns + k] = re / (rows * columns);
    }
  }
  return out;
}

const table = (n: number, wave: (angle: number) => number) =>
  Float64Array.from({ length: n }, (_, i) => wave((2 * Math.PI * i) / n));

/** One side of the low-pass filter at `size` points: a wrapped Gaussian of width `sigma`, transfer function. */
function lowpassSide(size: number, sigma: number): Float64Array {
  const line = new Float64Array(size);
  for (let x = -WRAPS * size; x < (WRAPS + 1) * size; x += 1) {
    const at = (x + WRAPS * size) % size;
    line[at] = (line[at] as number) + Math.exp(-(x * x) / (2 * sigma * sigma)) / (Math.sqrt(2 * Math.PI) * sigma);
  }
  return Float64Array.from({ length: size }, (_, k) =>
    line.reduce((sum, value, x) => sum + value * Math.cos((2 * Math.PI * k * x) / size), 0),
  );
}

/**
 * The low-pass filter of one side with its subsampling, as a matrix of `kept` × points. At half resolution the transfer
 * function is cut to half the band first, as Kymatio does.
 */
function createLowpass({ padded, kept, first }: Padding, level: 0 | 1): Float32Array {
  const full = lowpassSide(padded, SIGMA * 2);
  const points = padded >> level;
  const transfer = new Float64Array(points);
  for (let k = 0; k < padded; k += 1) {
    if (level === 1 && k >= padded / 4 && k < (3 * padded) / 4) continue;
    transfer[k % points] = (transfer[k % points] as number) + (full[k] as number);
  }
  const kernel = Float64Array.from(
    { length: points },
    (_, x) => transfer.reduce((sum, value, k) => sum + value * Math.cos((2 * Math.PI * k * x) / points), 0) / points,
  );
  const stride = STRIDE >> level;
  const matrix = new Float32Array(kept * points);
  for (let i = 0; i < kept; i += 1) {
    for (let x = 0; x < points; x += 1) {
      matrix[i * points + x] = kernel[((i + first) * stride - x + points) % points] as number;
    }
  }
  return matrix;
}

/** Builds all tables for images of the given size. */
export function createScatteringTables(height: Padding, width: Padding): ScatteringTables {
  const [rows, columns] = [height.padded, width.padded];
  const filters = (scale: number) =>
    Array.from({ length: ANGLES }, (_, angle) =>
      transferFunction(rows, columns, createWavelet({ rows, columns }, { scale, angle })),
    );
  return {
    rows,
    columns,
    outRows: height.kept,
    outColumns: width.kept,
    fine: filters(0),
    coarse: filters(1),
    down: [createLowpass(height, 0), createLowpass(height, 1)],
    across: [createLowpass(width, 0), createLowpass(width, 1)],
  };
}
