// Bags of tokens: the sum or mean of rows of a table, with sparse gradients. Tokens are floats that hold integers; any
// number outside of [0, vocabulary) stands for no token. `counts` holds one zero a word of the vocabulary between calls.
import { addFloats, clearFloats } from './memory';
import { sumSquares } from './norms';

// @ts-ignore: decorator
@inline
function tokenAt(tokens: usize, i: i32): u32 {
  const value = load<f32>(tokens + ((<usize>i) << 2));
  return value >= 0 && value < 16777216.0 ? <u32>value : 0xffffffff;
}

/** Each row of y = Σ table[token], times 1 / number of tokens when `mean`; zeros for an empty bag. */
export function bagForward(
  tokens: usize,
  length: i32,
  rows: i32,
  table: usize,
  vocabulary: u32,
  dimension: i32,
  mean: bool,
  y: usize,
): void {
  const bytes: usize = (<usize>dimension) << 2;
  for (let r = 0; r < rows; r++) {
    clearFloats(y, dimension);
    let taken = 0;
    for (let i = 0; i < length; i++) {
      const token = tokenAt(tokens, i);
      if (token < vocabulary) {
        addFloats(y, table + <usize>token * bytes, dimension);
        taken++;
      }
    }
    if (mean && taken > 1) {
      const scale: f32 = 1 / <f32>taken;
      for (let j = 0; j < dimension; j++) store<f32>(y + (j << 2), load<f32>(y + (j << 2)) * scale);
    }
    tokens += (<usize>length) << 2;
    y += bytes;
  }
}

/**
 * Adds the squared norm of each row's gradient to float64 numbers: ‖δ‖² · Σ over words of (times the word comes)²,
 * divided by (number of tokens)² when `mean`; 0 for an empty bag.
 */
export function bagGhostNorms(
  tokens: usize,
  length: i32,
  rows: i32,
  d: usize,
  dimension: i32,
  vocabulary: u32,
  mean: bool,
  counts: usize,
  norms: usize,
): void {
  for (let r = 0; r < rows; r++) {
    let squares = 0;
    let taken = 0;
    for (let i = 0; i < length; i++) {
      const token = tokenAt(tokens, i);
      if (token < vocabulary) {
        const at = counts + ((<usize>token) << 2);
        const count = load<i32>(at);
        squares += 2 * count + 1;
        store<i32>(at, count + 1);
        taken++;
      }
    }
    for (let i = 0; i < length; i++) {
      const token = tokenAt(tokens, i);
      if (token < vocabulary) store<i32>(counts + ((<usize>token) << 2), 0);
    }
    const scale = mean && taken > 1 ? <f64>squares / (<f64>taken * <f64>taken) : <f64>squares;
    store<f64>(norms, load<f64>(norms) + scale * sumSquares(d, dimension));
    tokens += (<usize>length) << 2;
    d += (<usize>dimension) << 2;
    norms += 8;
  }
}

/**
 * Adds factor · δ · (times the word comes) (÷ number of tokens) of each row to the float64 sums of each word, on the grid.
 * Rows whose factor is zero are left out.
 */
export function bagAccumulate(
  tokens: usize,
  length: i32,
  rows: i32,
  d: usize,
  dimension: i32,
  vocabulary: u32,
  mean: bool,
  factors: usize,
  counts: usize,
  sums: usize,
  magic: f64,
): void {
  for (let r = 0; r < rows; r++) {
    const factor = <f64>load<f32>(factors + (r << 2));
    if (factor != 0) bagAdd(tokens, length, d, dimension, vocabulary, mean, factor, counts, sums, magic);
    tokens += (<usize>length) << 2;
    d += (<usize>dimension) << 2;
  }
}

function bagAdd(
  tokens: usize,
  length: i32,
  d: usize,
  dimension: i32,
  vocabulary: u32,
  mean: bool,
  factor: f64,
  counts: usize,
  sums: usize,
  magic: f64,
): void {
  let taken = 0;
  for (let i = 0; i < length; i++) {
    const token = tokenAt(tokens, i);
    if (token < vocabulary) {
      const at = counts + ((<usize>token) << 2);
      store<u32>(at, load<u32>(at) + 1);
      taken++;
    }
  }
  const scale = mean && taken > 1 ? factor / <f64>taken : factor;
  const m = f64x2.splat(magic);
  for (let i = 0; i < length; i++) {
    const token = tokenAt(tokens, i);
    if (token >= vocabulary) continue;
    const at = counts + ((<usize>token) << 2);
    const count = load<u32>(at);
    if (count == 0) continue;
    store<u32>(at, 0);
    const s = scale * <f64>count;
    const splat = f64x2.splat(s);
    let to = sums + <usize>token * ((<usize>dimension) << 3);
    let from = d;
    let j = 0;
    for (; j + 2 <= dimension; j += 2) {
      const value = f64x2.mul(f64x2.promote_low_f32x4(v128.load64_zero(from)), splat);
      v128.store(to, f64x2.add(v128.load(to), f64x2.sub(f64x2.add(value, m), m)));
      to += 16;
      from += 8;
    }
    if (j < dimension) {
      const value = <f64>load<f32>(from) * s;
      store<f64>(to, load<f64>(to) + (value + magic - magic));
    }
  }
}

/** Adds one bag's gradient to a table of float32 gradients. */
export function bagGradient(
  tokens: usize,
  length: i32,
  d: usize,
  dimension: i32,
  vocabulary: u32,
  mean: bool,
  gradient: usize,
): void {
  let taken = 0;
  for (let i = 0; i < length; i++) {
    if (tokenAt(tokens, i) < vocabulary) taken++;
  }
  const scale: f32 = mean && taken > 1 ? 1 / <f32>taken : 1;
  for (let i = 0; i < length; i++) {
    const token = tokenAt(tokens, i);
    if (token >= vocabulary) continue;
    const to = gradient + <usize>token * ((<usize>dimension) << 2);
    for (let j = 0; j < dimension; j++) {
      store<f32>(to + (j << 2), load<f32>(to + (j << 2)) + load<f32>(d + (j << 2)) * scale);
    }
  }
}
