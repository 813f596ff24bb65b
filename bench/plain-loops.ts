/**
 * The same private steps in plain TypeScript loops: what a program without the engine's kernels would do, and the measure
 * by which readers compare machines. Example by example: forward, backward, the whole gradient, its norm, clip, add.
 *
 * @module
 */

/** One layer with its gradient; `forward` keeps what `backward` needs. */
interface PlainLayer {
  forward(x: Float32Array): Float32Array;
  /** Adds to the layer's gradient and returns the gradient by the input. */
  backward(dy: Float32Array): Float32Array;
  readonly gradient: Float32Array;
}

function plainDense(width: number, out: number, parameters: Float32Array): PlainLayer {
  const gradient = new Float32Array(width * out + out);
  let input = new Float32Array(width);
  return {
    gradient,
    forward(x) {
      input = x as Float32Array<ArrayBuffer>;
      const y = parameters.slice(width * out);
      for (let i = 0; i < width; i += 1) {
        for (let j = 0; j < out; j += 1) y[j]! += x[i]! * parameters[i * out + j]!;
      }
      return y;
    },
    backward(dy) {
      const dx = new Float32Array(width);
      for (let i = 0; i < width; i += 1) {
        let sum = 0;
        for (let j = 0; j < out; j += 1) {
          gradient[i * out + j]! += input[i]! * dy[j]!;
          sum += dy[j]! * parameters[i * out + j]!;
        }
        dx[i] = sum;
      }
      for (let j = 0; j < out; j += 1) gradient[width * out + j]! += dy[j]!;
      return dx;
    },
  };
}

function plainRelu(): PlainLayer {
  let output = new Float32Array(0);
  return {
    gradient: new Float32Array(0),
    forward: (x) => (output = x.map((value) => Math.max(0, value))),
    backward: (dy) => dy.map((value, i) => (output[i]! > 0 ? value : 0)),
  };
}

interface ConvSizes {
  readonly side: number;
  readonly channels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly out: number;
}

function plainConv({ side, channels, kernel, stride, padding, out }: ConvSizes, parameters: Float32Array): PlainLayer {
  const places = Math.floor((side + 2 * padding - kernel) / stride) + 1;
  const size = kernel * kernel * channels * out;
  const gradient = new Float32Array(size + out);
  let input = new Float32Array(0);
  function eachTerm(visit: (at: { x: number; w: number; y: number }) => void): void {
    for (let oy = 0; oy < places; oy += 1) {
      for (let ox = 0; ox < places; ox += 1) {
        for (let ky = 0; ky < kernel; ky += 1) {
          const iy = oy * stride - padding + ky;
          if (iy < 0 || iy >= side) continue;
          for (let kx = 0; kx < kernel; kx += 1) {
            const ix = ox * stride - padding + kx;
            if (ix < 0 || ix >= side) continue;
            for (let c = 0; c < channels; c += 1) {
              visit({
                x: (iy * side + ix) * channels + c,
                w: ((ky * kernel + kx) * channels + c) * out,
                y: (oy * places + ox) * out,
              });
            }
          }
        }
      }
    }
  }
  return {
    gradient,
    forward(x) {
      input = x as Float32Array<ArrayBuffer>;
      const y = new Float32Array(places * places * out);
      for (let i = 0; i < y.length; i += 1) y[i] = parameters[size + (i % out)]!;
      eachTerm((at) => {
        for (let j = 0; j < out; j += 1) y[at.y + j]! += x[at.x]! * parameters[at.w + j]!;
      });
      return y;
    },
    backward(dy) {
      const dx = new Float32Array(input.length);
      for (let i = 0; i < dy.length; i += 1) gradient[size + (i % out)]! += dy[i]!;
      eachTerm((at) => {
        let sum = 0;
        for (let j = 0; j < out; j += 1) {
          gradient[at.w + j]! += input[at.x]! * dy[at.y + j]!;
          sum += dy[at.y + j]! * parameters[at.w + j]!;
        }
        dx[at.x]! += sum;
      });
      return dx;
    },
  };
}

function plainMaxPool({ side, channels }: { side: number; channels: number }): PlainLayer {
  const places = side - 1;
  const chosen = new Int32Array(places * places * channels);
  return {
    gradient: new Float32Array(0),
    forward(x) {
      const y = new Float32Array(places * places * channels);
      for (let i = 0; i < y.length; i += 1) {
        const c = i % channels;
        const place = (i - c) / channels;
        const corner = (Math.floor(place / places) * side + (place % places)) * channels + c;
        let best = corner;
        for (const at of [corner + channels, corner + side * channels, corner + (side + 1) * channels]) {
          if (x[at]! > x[best]!) best = at;
        }
        chosen[i] = best;
        y[i] = x[best]!;
      }
      return y;
    },
    backward(dy) {
      const dx = new Float32Array(side * side * channels);
      for (const [i, value] of dy.entries()) dx[chosen[i]!]! += value;
      return dx;
    },
  };
}

function plainBag(vocabulary: number, dimension: number, parameters: Float32Array): PlainLayer {
  const gradient = new Float32Array(vocabulary * dimension);
  let tokens = new Float32Array(0);
  return {
    gradient,
    forward(x) {
      tokens = x as Float32Array<ArrayBuffer>;
      const y = new Float32Array(dimension);
      for (const token of x) {
        for (let j = 0; j < dimension; j += 1) y[j]! += parameters[token * dimension + j]! / x.length;
      }
      return y;
    },
    backward(dy) {
      for (const token of tokens) {
        for (let j = 0; j < dimension; j += 1) gradient[token * dimension + j]! += dy[j]! / tokens.length;
      }
      return new Float32Array(0);
    },
  };
}

/** The nets of the benchmark, as chains of plain layers over one flat parameter vector. */
export function createPlainNet(workload: 'mlp' | 'cnn' | 'text', parameters: Float32Array): readonly PlainLayer[] {
  let offset = 0;
  const take = (size: number): Float32Array => parameters.subarray(offset, (offset += size));
  const denseOf = (width: number, out: number): PlainLayer => plainDense(width, out, take(width * out + out));
  if (workload === 'mlp') return [denseOf(784, 128), plainRelu(), denseOf(128, 10)];
  if (workload === 'text') return [plainBag(4096, 16, take(4096 * 16)), denseOf(16, 2)];
  const first = { side: 28, channels: 1, kernel: 8, stride: 2, padding: 3, out: 16 };
  const second = { side: 13, channels: 16, kernel: 4, stride: 2, padding: 0, out: 32 };
  return [
    plainConv(first, take(1040)),
    plainRelu(),
    plainMaxPool({ side: 14, channels: 16 }),
    plainConv(second, take(8224)),
    plainRelu(),
    plainMaxPool({ side: 5, channels: 32 }),
    denseOf(512, 32),
    plainRelu(),
    denseOf(32, 10),
  ];
}

/** Sums the clipped gradients of examples, one at a time. */
export function plainClippedSum(
  net: readonly PlainLayer[],
  examples: readonly { readonly x: Float32Array; readonly label: number }[],
  { clipNorm }: { clipNorm: number },
): Float64Array {
  const sum = new Float64Array(net.reduce((total, { gradient }) => total + gradient.length, 0));
  for (const { x, label } of examples) {
    for (const { gradient } of net) gradient.fill(0);
    const z = net.reduce((value, layer) => layer.forward(value), x);
    const top = Math.max(...z);
    const e = z.map((value) => Math.exp(value - top));
    const total = e.reduce((a, b) => a + b, 0);
    let dy = e.map((value, j) => value / total - (j === label ? 1 : 0));
    for (const layer of net.toReversed()) dy = layer.backward(dy) as Float32Array<ArrayBuffer>;
    let squares = 0;
    for (const { gradient } of net) for (const g of gradient) squares += g * g;
    const factor = Math.min(1, clipNorm / Math.sqrt(squares));
    let at = 0;
    for (const { gradient } of net) {
      for (const g of gradient) {
        sum[at]! += factor * g;
        at += 1;
      }
    }
  }
  return sum;
}
