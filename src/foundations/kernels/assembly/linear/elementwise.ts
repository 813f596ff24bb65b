// Element by element: inputs from small integers, biases, activations forward and backward. Backward passes work in
// place on the gradient of the output. `count` is any length; tails go through a scratch of four floats.
import { copyFloats } from './memory';
import { exp4, normalCdf4, sigmoid4, tanh4 } from './elementary';

const scratch: usize = memory.data(32, 16);

/** out[i] = bytes[i] · scale + offset. */
export function bytesToFloats(from: usize, out: usize, count: i32, scale: f32, offset: f32): void {
  const s = f32x4.splat(scale);
  const o = f32x4.splat(offset);
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    const words = v128.load8x8_u(from);
    const low = f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(words));
    const high = f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(words));
    v128.store(out, f32x4.add(f32x4.mul(low, s), o));
    v128.store(out, f32x4.add(f32x4.mul(high, s), o), 16);
    from += 8;
    out += 32;
  }
  for (; i < count; i++) {
    store<f32>(out, <f32>load<u8>(from) * scale + offset);
    from += 1;
    out += 4;
  }
}

/** out[i] = words[i] · scale + offset, for unsigned 16-bit words. */
export function wordsToFloats(from: usize, out: usize, count: i32, scale: f32, offset: f32): void {
  const s = f32x4.splat(scale);
  const o = f32x4.splat(offset);
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const x = f32x4.convert_i32x4_u(v128.load16x4_u(from));
    v128.store(out, f32x4.add(f32x4.mul(x, s), o));
    from += 8;
    out += 16;
  }
  for (; i < count; i++) {
    store<f32>(out, <f32>load<u16>(from) * scale + offset);
    from += 2;
    out += 4;
  }
}

/** x[i] = x[i] · scale + offset. */
export function affine(x: usize, count: i32, scale: f32, offset: f32): void {
  for (let i = 0; i < count; i++) {
    store<f32>(x, load<f32>(x) * scale + offset);
    x += 4;
  }
}

/** Every row of `out` (rows × width) becomes `bias`. */
export function broadcastRow(bias: usize, out: usize, rows: i32, width: i32): void {
  const bytes: usize = (<usize>width) << 2;
  for (let r = 0; r < rows; r++) {
    copyFloats(out, bias, width);
    out += bytes;
  }
}

/** y[i] += alpha · x[i]. */
export function axpy(alpha: f32, x: usize, y: usize, count: i32): void {
  const a = f32x4.splat(alpha);
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    v128.store(y, f32x4.add(v128.load(y), f32x4.mul(a, v128.load(x))));
    v128.store(y, f32x4.add(v128.load(y, 16), f32x4.mul(a, v128.load(x, 16))), 16);
    x += 32;
    y += 32;
  }
  for (; i < count; i++) {
    store<f32>(y, load<f32>(y) + alpha * load<f32>(x));
    x += 4;
    y += 4;
  }
}

/** Row r of x (rows × width) is multiplied by factors[r]; a factor of zero writes zeros whatever the row holds. */
export function scaleRows(x: usize, rows: i32, width: i32, factors: usize): void {
  const bytes: usize = (<usize>width) << 2;
  for (let r = 0; r < rows; r++) {
    const factor = load<f32>(factors + (r << 2));
    if (factor == 0) memory.fill(x, 0, bytes);
    else if (factor != 1) {
      const f = f32x4.splat(factor);
      let i = 0;
      let at = x;
      for (; i + 4 <= width; i += 4) {
        v128.store(at, f32x4.mul(v128.load(at), f));
        at += 16;
      }
      for (; i < width; i++) {
        store<f32>(at, load<f32>(at) * factor);
        at += 4;
      }
    }
    x += bytes;
  }
}

/** out[j] = Σ_r factors[r] · x[r, j]; rows whose factor is zero are left out. `factors` 0 stands for ones. */
export function sumRows(x: usize, rows: i32, width: i32, factors: usize, out: usize): void {
  const bytes: usize = (<usize>width) << 2;
  memory.fill(out, 0, bytes);
  for (let r = 0; r < rows; r++) {
    const factor: f32 = factors == 0 ? 1 : load<f32>(factors + (r << 2));
    if (factor != 0) axpy(factor, x, out, width);
    x += bytes;
  }
}

/** x = max(x, 0) in place. */
export function relu(x: usize, count: i32): void {
  const zero = f32x4.splat(0);
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    v128.store(x, f32x4.pmax(v128.load(x), zero));
    x += 16;
  }
  for (; i < count; i++) {
    store<f32>(x, max<f32>(load<f32>(x), 0));
    x += 4;
  }
}

/** g = y > 0 ? g : 0 in place. */
export function reluBackward(y: usize, g: usize, count: i32): void {
  const zero = f32x4.splat(0);
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    v128.store(g, v128.and(v128.load(g), f32x4.gt(v128.load(y), zero)));
    y += 16;
    g += 16;
  }
  for (; i < count; i++) {
    if (!(load<f32>(y) > 0)) store<f32>(g, 0);
    y += 4;
    g += 4;
  }
}

/** x = tanh x in place. */
export function tanhForward(x: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    v128.store(x, tanh4(v128.load(x)));
    x += 16;
  }
  if (i < count) {
    const bytes: usize = (<usize>(count - i)) << 2;
    memory.copy(scratch, x, bytes);
    v128.store(scratch, tanh4(v128.load(scratch)));
    memory.copy(x, scratch, bytes);
  }
}

/** g = g · (1 - y²) in place. */
export function tanhBackward(y: usize, g: usize, count: i32): void {
  const one = f32x4.splat(1);
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const t = v128.load(y);
    v128.store(g, f32x4.mul(v128.load(g), f32x4.sub(one, f32x4.mul(t, t))));
    y += 16;
    g += 16;
  }
  for (; i < count; i++) {
    const t = load<f32>(y);
    store<f32>(g, load<f32>(g) * (1 - t * t));
    y += 4;
    g += 4;
  }
}

/** x = scale · σ(temperature · x) - offset in place, the tempered sigmoid of [PTSCE21]. */
export function temperedForward(x: usize, count: i32, scale: f32, temperature: f32, offset: f32): void {
  const s = f32x4.splat(scale);
  const t = f32x4.splat(temperature);
  const o = f32x4.splat(offset);
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    v128.store(x, f32x4.sub(f32x4.mul(s, sigmoid4(f32x4.mul(t, v128.load(x)))), o));
    x += 16;
  }
  if (i < count) {
    const bytes: usize = (<usize>(count - i)) << 2;
    memory.copy(scratch, x, bytes);
    v128.store(scratch, f32x4.sub(f32x4.mul(s, sigmoid4(f32x4.mul(t, v128.load(scratch)))), o));
    memory.copy(x, scratch, bytes);
  }
}

/** g = g · scale · temperature · σ(1 - σ) in place, with σ = (y + offset) / scale. */
export function temperedBackward(y: usize, g: usize, count: i32, scale: f32, temperature: f32, offset: f32): void {
  const slope = scale * temperature;
  for (let i = 0; i < count; i++) {
    const sigma = (load<f32>(y) + offset) / scale;
    store<f32>(g, load<f32>(g) * (slope * (sigma * (1 - sigma))));
    y += 4;
    g += 4;
  }
}

/** out = x · Φ(x). */
export function geluForward(x: usize, out: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const v = v128.load(x);
    v128.store(out, f32x4.mul(v, normalCdf4(v)));
    x += 16;
    out += 16;
  }
  if (i < count) {
    const bytes: usize = (<usize>(count - i)) << 2;
    memory.copy(scratch, x, bytes);
    const v = v128.load(scratch);
    v128.store(scratch, f32x4.mul(v, normalCdf4(v)));
    memory.copy(out, scratch, bytes);
  }
}

// @ts-ignore: decorator
@inline
function geluSlope4(x: v128): v128 {
  const density = f32x4.mul(
    f32x4.splat(0.39894228040143268),
    exp4(f32x4.mul(f32x4.splat(-0.5), f32x4.mul(x, x))),
  );
  return f32x4.add(normalCdf4(x), f32x4.mul(x, density));
}

/** gIn = g · (Φ(x) + x φ(x)); `gIn` may be `g`. */
export function geluBackward(x: usize, g: usize, gIn: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    v128.store(gIn, f32x4.mul(v128.load(g), geluSlope4(v128.load(x))));
    x += 16;
    g += 16;
    gIn += 16;
  }
  if (i < count) {
    const bytes: usize = (<usize>(count - i)) << 2;
    memory.copy(scratch, x, bytes);
    memory.copy(scratch + 16, g, bytes);
    v128.store(scratch, f32x4.mul(v128.load(scratch, 16), geluSlope4(v128.load(scratch))));
    memory.copy(gIn, scratch, bytes);
  }
}

/** Softmax of every row in place. */
export function softmaxForward(x: usize, rows: i32, width: i32): void {
  for (let r = 0; r < rows; r++) {
    let top: f32 = load<f32>(x);
    for (let j = 1; j < width; j++) top = max<f32>(top, load<f32>(x + (j << 2)));
    let total: f32 = 0;
    for (let j = 0; j < width; j++) {
      const e = exp1(load<f32>(x + (j << 2)) - top);
      store<f32>(x + (j << 2), e);
      total += e;
    }
    for (let j = 0; j < width; j++) store<f32>(x + (j << 2), load<f32>(x + (j << 2)) / total);
    x += (<usize>width) << 2;
  }
}

/** g = y ⊙ (g - ⟨g, y⟩) for every row, in place. */
export function softmaxBackward(y: usize, g: usize, rows: i32, width: i32): void {
  for (let r = 0; r < rows; r++) {
    let dot: f32 = 0;
    for (let j = 0; j < width; j++) dot += load<f32>(y + (j << 2)) * load<f32>(g + (j << 2));
    for (let j = 0; j < width; j++) {
      store<f32>(g + (j << 2), load<f32>(y + (j << 2)) * (load<f32>(g + (j << 2)) - dot));
    }
    y += (<usize>width) << 2;
    g += (<usize>width) << 2;
  }
}

/** e^x of one float, by the same polynomial as four. */
// @ts-ignore: decorator
@inline
export function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}
