// Coins of dropout and augmentation: Threefry-2x32 with 20 rounds [SMDS11], a function of key and counter, so that what an
// example draws depends on the step and its own number and never on the batch, the block or the worker it is in. Nothing
// private rests on them.

// @ts-ignore: decorator
@inline
function rotl(x: v128, by: i32): v128 {
  return v128.or(i32x4.shl(x, by), i32x4.shr_u(x, 32 - by));
}

const out: usize = memory.data(32, 16);

/** Writes the words of counters (c0 + lane, c1), lane 0 … 3, to `out`: four first words, then four second words. */
function threefry4(k0: u32, k1: u32, c0: u32, c1: u32): void {
  const s0 = i32x4.splat(k0);
  const s1 = i32x4.splat(k1);
  const s2 = i32x4.splat(0x1bd11bda ^ k0 ^ k1);
  let x0 = i32x4.add(i32x4.add(i32x4.splat(c0), i32x4(0, 1, 2, 3)), s0);
  let x1 = i32x4.add(i32x4.splat(c1), s1);
  for (let round = 0; round < 5; round++) {
    if ((round & 1) == 0) {
      x0 = i32x4.add(x0, x1);
      x1 = v128.xor(rotl(x1, 13), x0);
      x0 = i32x4.add(x0, x1);
      x1 = v128.xor(rotl(x1, 15), x0);
      x0 = i32x4.add(x0, x1);
      x1 = v128.xor(rotl(x1, 26), x0);
      x0 = i32x4.add(x0, x1);
      x1 = v128.xor(rotl(x1, 6), x0);
    } else {
      x0 = i32x4.add(x0, x1);
      x1 = v128.xor(rotl(x1, 17), x0);
      x0 = i32x4.add(x0, x1);
      x1 = v128.xor(rotl(x1, 29), x0);
      x0 = i32x4.add(x0, x1);
      x1 = v128.xor(rotl(x1, 16), x0);
      x0 = i32x4.add(x0, x1);
      x1 = v128.xor(rotl(x1, 24), x0);
    }
    const a = round % 3 == 0 ? s1 : round % 3 == 1 ? s2 : s0;
    const b = round % 3 == 0 ? s2 : round % 3 == 1 ? s0 : s1;
    x0 = i32x4.add(x0, a);
    x1 = i32x4.add(x1, i32x4.add(b, i32x4.splat(round + 1)));
  }
  v128.store(out, x0);
  v128.store(out, x1, 16);
}

/** The two words of one counter, the first in the low half. */
export function coins(k0: u32, k1: u32, c0: u32, c1: u32): u64 {
  threefry4(k0, k1, c0, c1);
  return <u64>load<u32>(out) | ((<u64>load<u32>(out, 16)) << 32);
}

/** Zeroes each number with probability `threshold` / 2^32 and multiplies the others by `scale`, in place. */
export function dropInPlace(x: usize, count: i32, threshold: u32, scale: f32, k0: u32, k1: u32, stream: u32): void {
  for (let i = 0; i < count; i += 8) {
    threefry4(k0, k1, <u32>i, stream);
    const n = min(8, count - i);
    for (let j = 0; j < n; j++) {
      const kept = load<u32>(out + (j << 2)) >= threshold;
      store<f32>(x, kept ? load<f32>(x) * scale : 0);
      x += 4;
    }
  }
}
