// Bags of tokens: the sum or mean of rows of a table, with sparse gradients. A bag is a word with the number of its tokens
// and then the tokens. `counts` holds one zero a word of the vocabulary between calls.
import { sumSquares } from './norms';

/**
 * Reads rows of `length` floats as bags of `length` + 1 words. What lies outside of [0, vocabulary), is no number or is
 * `padding` stands for no token.
 */
export function bagTokens(from: usize, length: i32, rows: i32, vocabulary: f32, padding: f32, bags: usize): void {
  const zero = f32x4.splat(0);
  const end = f32x4.splat(vocabulary);
  const none = f32x4.splat(padding);
  for (let r = 0; r < rows; r++) {
    let to = bags + 4;
    let i = 0;
    for (; i + 4 <= length; i += 4) {
      const x = v128.load(from);
      const valid = v128.and(v128.and(f32x4.ge(x, zero), f32x4.lt(x, end)), f32x4.ne(x, none));
      const tokens = i32x4.trunc_sat_f32x4_u(x);
      from += 16;
      if (i32x4.all_true(valid)) {
        v128.store(to, tokens);
        to += 16;
        continue;
      }
      const mask = i32x4.bitmask(valid);
      if (mask & 1) {
        store<i32>(to, i32x4.extract_lane(tokens, 0));
        to += 4;
      }
      if (mask & 2) {
        store<i32>(to, i32x4.extract_lane(tokens, 1));
        to += 4;
      }
      if (mask & 4) {
        store<i32>(to, i32x4.extract_lane(tokens, 2));
        to += 4;
      }
      if (mask & 8) {
        store<i32>(to, i32x4.extract_lane(tokens, 3));
        to += 4;
      }
    }
    for (; i < length; i++) {
      const x = load<f32>(from);
      from += 4;
      if (x >= 0 && x < vocabulary && x != padding) {
        store<u32>(to, <u32>x);
        to += 4;
      }
    }
    store<i32>(bags, <i32>((to - bags) >> 2) - 1);
    bags += ((<usize>length) << 2) + 4;
  }
}

/** Each row of y = Σ table[token], times 1 / number of tokens when `mean`; zeros for an empty bag. */
export function bagForward(bags: usize, length: i32, rows: i32, table: usize, dimension: i32, mean: bool, y: usize): void {
  const bytes: usize = (<usize>dimension) << 2;
  for (let r = 0; r < rows; r++) {
    const taken = load<i32>(bags);
    const first = bags + 4;
    const last = first + ((<usize>taken) << 2);
    const scale: f32 = mean && taken > 1 ? 1 / <f32>taken : 1;
    const s = f32x4.splat(scale);
    let column = table;
    let j = 0;
    // Sums stay in registers; each is one chain in the order of the tokens.
    for (; j + 16 <= dimension; j += 16) {
      let a = f32x4.splat(0);
      let b = a;
      let c = a;
      let d = a;
      for (let at = first; at < last; at += 4) {
        const row = column + <usize>load<u32>(at) * bytes;
        a = f32x4.add(a, v128.load(row));
        b = f32x4.add(b, v128.load(row, 16));
        c = f32x4.add(c, v128.load(row, 32));
        d = f32x4.add(d, v128.load(row, 48));
      }
      v128.store(y, f32x4.mul(a, s));
      v128.store(y, f32x4.mul(b, s), 16);
      v128.store(y, f32x4.mul(c, s), 32);
      v128.store(y, f32x4.mul(d, s), 48);
      column += 64;
      y += 64;
    }
    for (; j + 4 <= dimension; j += 4) {
      let a = f32x4.splat(0);
      for (let at = first; at < last; at += 4) {
        a = f32x4.add(a, v128.load(column + <usize>load<u32>(at) * bytes));
      }
      v128.store(y, f32x4.mul(a, s));
      column += 16;
      y += 16;
    }
    for (; j < dimension; j++) {
      let a: f32 = 0;
      for (let at = first; at < last; at += 4) a += load<f32>(column + <usize>load<u32>(at) * bytes);
      store<f32>(y, a * scale);
      column += 4;
      y += 4;
    }
    bags += ((<usize>length) << 2) + 4;
  }
}

/**
 * Adds the squared norm of each row's gradient to float64 numbers: ‖δ‖² · Σ over words of (times the word comes)²,
 * divided by (number of tokens)² when `mean`; 0 for an empty bag.
 */
export function bagGhostNorms(
  bags: usize,
  length: i32,
  rows: i32,
  d: usize,
  dimension: i32,
  mean: bool,
  counts: usize,
  norms: usize,
): void {
  for (let r = 0; r < rows; r++) {
    const taken = load<i32>(bags);
    const first = bags + 4;
    const last = first + ((<usize>taken) << 2);
    let squares: i64 = 0;
    for (let from = first; from < last; from += 4) {
      const at = counts + ((<usize>load<u32>(from)) << 2);
      const count = load<i32>(at);
      squares += 2 * count + 1;
      store<i32>(at, count + 1);
    }
    for (let from = first; from < last; from += 4) store<i32>(counts + ((<usize>load<u32>(from)) << 2), 0);
    const scale = mean && taken > 1 ? <f64>squares / (<f64>taken * <f64>taken) : <f64>squares;
    store<f64>(norms, load<f64>(norms) + scale * sumSquares(d, dimension));
    bags += ((<usize>length) << 2) + 4;
    d += (<usize>dimension) << 2;
    norms += 8;
  }
}

/**
 * Adds factor · δ · (times the word comes) (÷ number of tokens) of each row to the float64 sums of each word, on the grid.
 * Rows whose factor is zero are left out. `once` is a scratch of `dimension` float64 numbers.
 */
export function bagAccumulate(
  bags: usize,
  length: i32,
  rows: i32,
  d: usize,
  dimension: i32,
  mean: bool,
  factors: usize,
  counts: usize,
  once: usize,
  sums: usize,
  magic: f64,
): void {
  for (let r = 0; r < rows; r++) {
    const factor = <f64>load<f32>(factors + (r << 2));
    if (factor != 0) bagAdd(bags, d, dimension, mean, factor, counts, once, sums, magic);
    bags += ((<usize>length) << 2) + 4;
    d += (<usize>dimension) << 2;
  }
}

function bagAdd(
  bags: usize,
  d: usize,
  dimension: i32,
  mean: bool,
  factor: f64,
  counts: usize,
  once: usize,
  sums: usize,
  magic: f64,
): void {
  const taken = load<i32>(bags);
  const first = bags + 4;
  const last = first + ((<usize>taken) << 2);
  for (let from = first; from < last; from += 4) {
    const at = counts + ((<usize>load<u32>(from)) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
  const scale = mean && taken > 1 ? factor / <f64>taken : factor;
  // Most words come once: what they add is rounded to the grid once.
  gridInto(once, d, dimension, scale, magic);
  for (let from = first; from < last; from += 4) {
    const token = load<u32>(from);
    const at = counts + ((<usize>token) << 2);
    const count = load<u32>(at);
    if (count == 0) continue;
    store<u32>(at, 0);
    const to = sums + <usize>token * ((<usize>dimension) << 3);
    if (count == 1) addDoubles(to, once, dimension);
    else addScaled(to, d, dimension, scale * <f64>count, magic);
  }
}

/** out = s · d, on the grid. */
function gridInto(out: usize, d: usize, dimension: i32, s: f64, magic: f64): void {
  const splat = f64x2.splat(s);
  const m = f64x2.splat(magic);
  let j = 0;
  for (; j + 2 <= dimension; j += 2) {
    const value = f64x2.mul(f64x2.promote_low_f32x4(v128.load64_zero(d)), splat);
    v128.store(out, f64x2.sub(f64x2.add(value, m), m));
    out += 16;
    d += 8;
  }
  if (j < dimension) store<f64>(out, <f64>load<f32>(d) * s + magic - magic);
}

// @ts-ignore: decorator
@inline
function addDoubles(to: usize, from: usize, count: i32): void {
  let j = 0;
  for (; j + 8 <= count; j += 8) {
    v128.store(to, f64x2.add(v128.load(to), v128.load(from)));
    v128.store(to, f64x2.add(v128.load(to, 16), v128.load(from, 16)), 16);
    v128.store(to, f64x2.add(v128.load(to, 32), v128.load(from, 32)), 32);
    v128.store(to, f64x2.add(v128.load(to, 48), v128.load(from, 48)), 48);
    to += 64;
    from += 64;
  }
  for (; j < count; j++) {
    store<f64>(to, load<f64>(to) + load<f64>(from));
    to += 8;
    from += 8;
  }
}

/** Adds s · d, on the grid, to float64 sums. */
function addScaled(to: usize, d: usize, dimension: i32, s: f64, magic: f64): void {
  const splat = f64x2.splat(s);
  const m = f64x2.splat(magic);
  let j = 0;
  for (; j + 2 <= dimension; j += 2) {
    const value = f64x2.mul(f64x2.promote_low_f32x4(v128.load64_zero(d)), splat);
    v128.store(to, f64x2.add(v128.load(to), f64x2.sub(f64x2.add(value, m), m)));
    to += 16;
    d += 8;
  }
  if (j < dimension) store<f64>(to, load<f64>(to) + (<f64>load<f32>(d) * s + magic - magic));
}

/** Adds one bag's gradient to a table of float32 gradients. */
export function bagGradient(bag: usize, d: usize, dimension: i32, mean: bool, gradient: usize): void {
  const taken = load<i32>(bag);
  const scale: f32 = mean && taken > 1 ? 1 / <f32>taken : 1;
  for (let i = 0; i < taken; i++) {
    const token = load<u32>(bag + ((<usize>(i + 1)) << 2));
    const to = gradient + <usize>token * ((<usize>dimension) << 2);
    for (let j = 0; j < dimension; j++) {
      store<f32>(to + (j << 2), load<f32>(to + (j << 2)) + load<f32>(d + (j << 2)) * scale);
    }
  }
}
