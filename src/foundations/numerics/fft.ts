/**
 * The discrete Fourier transform of real sequences whose length is a power of two: a radix-4 Stockham transform of half
 * the length, then the usual untangling. No allocation per call.
 *
 * @module
 */

/** The first n/2 + 1 coefficients of the transform of a real sequence; the rest mirror them. */
export interface Spectrum {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/** A transform of one length. */
export interface RealFft {
  readonly length: number;
  /** Writes Σ_j signal[j]·exp(−2πi·jk/n) for k = 0…n/2. */
  forward(signal: Float64Array, out: Spectrum): void;
  /** Writes the real sequence with the given coefficients (divided by n, so that it undoes `forward`). */
  inverse(spectrum: Spectrum, out: Float64Array): void;
  createSpectrum(): Spectrum;
}

/**
 * Relative error bound: every computed coefficient differs from the true one by at most this times log2(n) times the sum
 * of the absolute values of the input. Each of the log2(n) levels multiplies by a unit complex number and adds, which
 * costs at most (1 + √5)·u, and the twiddle factors err by at most u/√2 ([HIG02] theorem 24.2).
 */
export const FFT_ERROR_PER_LEVEL = 6 * 2 ** -53;

const cache = new Map<number, RealFft>();

/**
 * Creates (or finds) the transform of a length.
 * @param length - a power of two ≥ 4.
 */
export function createRealFft(length: number): RealFft {
  if (!(length >= 4 && Number.isInteger(Math.log2(length)))) {
    throw new RangeError(`"length" must be a power of two ≥ 4, got ${length}`);
  }
  const found = cache.get(length) ?? build(length);
  // Transforms hold tables of their length: keep the few sizes in use.
  if (cache.size > 6) cache.clear();
  cache.set(length, found);
  return found;
}

function build(length: number): RealFft {
  const half = length / 2;
  // cos and −sin of 2πk/length; the half-length transform uses every second one.
  const cos = new Float64Array(half + 1);
  const sin = new Float64Array(half + 1);
  for (let k = 0; k <= half; k += 1) {
    cos[k] = Math.cos((2 * Math.PI * k) / length);
    sin[k] = -Math.sin((2 * Math.PI * k) / length);
  }
  const a: Spectrum = { re: new Float64Array(half), im: new Float64Array(half) };
  const b: Spectrum = { re: new Float64Array(half), im: new Float64Array(half) };

  const forward = (signal: Float64Array, out: Spectrum): void => {
    for (let i = 0; i < half; i += 1) {
      a.re[i] = signal[2 * i] as number;
      a.im[i] = signal[2 * i + 1] as number;
    }
    const { re, im } = transform(a, b, { half, cos, sin });
    for (let k = 0; k <= half / 2; k += 1) {
      const m = k === 0 ? 0 : half - k;
      const xr = ((re[k] as number) + (re[m] as number)) / 2;
      const xi = ((im[k] as number) - (im[m] as number)) / 2;
      const yr = ((im[k] as number) + (im[m] as number)) / 2;
      const yi = ((re[m] as number) - (re[k] as number)) / 2;
      const c = cos[k] as number;
      const s = sin[k] as number;
      const tr = c * yr - s * yi;
      const ti = c * yi + s * yr;
      out.re[k] = xr + tr;
      out.im[k] = xi + ti;
      out.re[half - k] = xr - tr;
      out.im[half - k] = ti - xi;
    }
  };

  const inverse = (spectrum: Spectrum, out: Float64Array): void => {
    const { re, im } = spectrum;
    // Swapping real and imaginary parts turns the forward transform into the inverse one.
    for (let k = 0; k < half; k += 1) {
      const m = half - k;
      const xr = ((re[k] as number) + (re[m] as number)) / 2;
      const xi = ((im[k] as number) - (im[m] as number)) / 2;
      const dr = ((re[k] as number) - (re[m] as number)) / 2;
      const di = ((im[k] as number) + (im[m] as number)) / 2;
      const c = cos[k] as number;
      const s = sin[k] as number;
      const yr = c * dr + s * di;
      const yi = c * di - s * dr;
      a.im[k] = xr - yi;
      a.re[k] = xi + yr;
    }
    const result = transform(a, b, { half, cos, sin });
    const scale = 1 / half;
    for (let i = 0; i < half; i += 1) {
      out[2 * i] = (result.im[i] as number) * scale;
      out[2 * i + 1] = (result.re[i] as number) * scale;
    }
  };

  return {
    length,
    forward,
    inverse,
    createSpectrum: () => ({ re: new Float64Array(half + 1), im: new Float64Array(half + 1) }),
  };
}

/** The complex transform of length `half`, in place of x or y; returns whichever holds the result. */
function transform(
  first: Spectrum,
  second: Spectrum,
  { half, cos, sin }: { readonly half: number; readonly cos: Float64Array; readonly sin: Float64Array },
): Spectrum {
  let x = first;
  let y = second;
  let n = half;
  let s = 1;
  for (; n >= 4; n /= 4, s *= 4) {
    radix4(x, y, { n, s, cos, sin, stride: (2 * half) / n });
    [x, y] = [y, x];
  }
  if (n === 2) {
    const { re: xr, im: xi } = x;
    const { re: yr, im: yi } = y;
    for (let q = 0; q < s; q += 1) {
      const ar = xr[q] as number;
      const ai = xi[q] as number;
      const br = xr[q + s] as number;
      const bi = xi[q + s] as number;
      yr[q] = ar + br;
      yi[q] = ai + bi;
      yr[q + s] = ar - br;
      yi[q + s] = ai - bi;
    }
    [x, y] = [y, x];
  }
  return x;
}

function radix4(
  x: Spectrum,
  y: Spectrum,
  level: {
    readonly n: number;
    readonly s: number;
    readonly cos: Float64Array;
    readonly sin: Float64Array;
    readonly stride: number;
  },
): void {
  const { n, s, cos, sin, stride } = level;
  const { re: xr, im: xi } = x;
  const { re: yr, im: yi } = y;
  const m = n / 4;
  const half = cos.length - 1;
  for (let p = 0; p < m; p += 1) {
    const k1 = p * stride;
    const k2 = 2 * k1;
    const k3 = 3 * k1;
    const c1 = cos[k1] as number;
    const s1 = sin[k1] as number;
    const c2 = cos[k2] as number;
    const s2 = sin[k2] as number;
    // The table covers half a turn; the third factor may lie beyond it.
    const c3 = k3 <= half ? (cos[k3] as number) : -(cos[k3 - half] as number);
    const s3 = k3 <= half ? (sin[k3] as number) : -(sin[k3 - half] as number);
    const from = s * p;
    const to = 4 * from;
    for (let q = 0; q < s; q += 1) {
      const i0 = q + from;
      const i1 = i0 + s * m;
      const i2 = i1 + s * m;
      const i3 = i2 + s * m;
      const ar = xr[i0] as number;
      const ai = xi[i0] as number;
      const br = xr[i1] as number;
      const bi = xi[i1] as number;
      const cr = xr[i2] as number;
      const ci = xi[i2] as number;
      const dr = xr[i3] as number;
      const di = xi[i3] as number;
      const apcr = ar + cr;
      const apci = ai + ci;
      const amcr = ar - cr;
      const amci = ai - ci;
      const bpdr = br + dr;
      const bpdi = bi + di;
      const jr = di - bi;
      const ji = br - dr;
      const o0 = q + to;
      const o1 = o0 + s;
      const o2 = o1 + s;
      const o3 = o2 + s;
      yr[o0] = apcr + bpdr;
      yi[o0] = apci + bpdi;
      const ur = amcr - jr;
      const ui = amci - ji;
      yr[o1] = c1 * ur - s1 * ui;
      yi[o1] = c1 * ui + s1 * ur;
      const vr = apcr - bpdr;
      const vi = apci - bpdi;
      yr[o2] = c2 * vr - s2 * vi;
      yi[o2] = c2 * vi + s2 * vr;
      const wr = amcr + jr;
      const wi = amci + ji;
      yr[o3] = c3 * wr - s3 * wi;
      yi[o3] = c3 * wi + s3 * wr;
    }
  }
}
