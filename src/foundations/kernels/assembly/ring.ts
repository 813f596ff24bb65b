// The ring kernel: keystream added to residues modulo 2^32 and 2^64, products of matrices modulo 2^64, and the 128-bit
// arithmetic that SPDZ2k's ring of 104 bits lives in. Matrices are row-major; a 128-bit number is two u64, low first.
import { chachaBlocks4, chachaInit } from './chacha20';

/** Prepares `state` (64 bytes). */
export function init(state: usize, key: usize, counter: u32, nonce: usize): void {
  chachaInit(state, key, counter, nonce);
}

/** Adds `groups` × 256 bytes of keystream to `target`, as u32 (subtracts when `negative`). `scratch`: 256 bytes. */
export function addStream32(state: usize, target: usize, groups: i32, scratch: usize, negative: bool): void {
  for (let g = 0; g < groups; g++) {
    chachaBlocks4(state, scratch, 20);
    if (negative) {
      for (let i: usize = 0; i < 256; i += 16) {
        v128.store(target + i, i32x4.sub(v128.load(target + i), v128.load(scratch + i)));
      }
    } else {
      for (let i: usize = 0; i < 256; i += 16) {
        v128.store(target + i, i32x4.add(v128.load(target + i), v128.load(scratch + i)));
      }
    }
    target += 256;
  }
}

/** The same with words of 64 bits. */
export function addStream64(state: usize, target: usize, groups: i32, scratch: usize, negative: bool): void {
  for (let g = 0; g < groups; g++) {
    chachaBlocks4(state, scratch, 20);
    if (negative) {
      for (let i: usize = 0; i < 256; i += 16) {
        v128.store(target + i, i64x2.sub(v128.load(target + i), v128.load(scratch + i)));
      }
    } else {
      for (let i: usize = 0; i < 256; i += 16) {
        v128.store(target + i, i64x2.add(v128.load(target + i), v128.load(scratch + i)));
      }
    }
    target += 256;
  }
}

/** target += a over `count` pairs of u64 (16 bytes each). */
export function add64(target: usize, a: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    v128.store(target, i64x2.add(v128.load(target), v128.load(a)));
    target += 16;
    a += 16;
  }
}

/** target += a over `count` quadruples of u32 (16 bytes each). */
export function add32(target: usize, a: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    v128.store(target, i32x4.add(v128.load(target), v128.load(a)));
    target += 16;
    a += 16;
  }
}

/** target += a · b entry by entry. */
export function multiplyAdd64(target: usize, a: usize, b: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    store<u64>(target, load<u64>(target) + load<u64>(a) * load<u64>(b));
    target += 8;
    a += 8;
    b += 8;
  }
}

/** out[m × n] += a[m × k] · b[k × n], modulo 2^64. Four rows of b at a time: one load and store of out for four MACs. */
export function matmul64(a: usize, b: usize, out: usize, m: i32, k: i32, n: i32): void {
  const row = (<usize>n) << 3;
  for (let i = 0; i < m; i++) {
    const target = out + (<usize>i) * row;
    let source = b;
    let p = 0;
    for (; p + 4 <= k; p += 4) {
      const x0 = load<u64>(a);
      const x1 = load<u64>(a, 8);
      const x2 = load<u64>(a, 16);
      const x3 = load<u64>(a, 24);
      a += 32;
      const b1 = source + row;
      const b2 = b1 + row;
      const b3 = b2 + row;
      for (let j: usize = 0; j < row; j += 8) {
        store<u64>(
          target + j,
          load<u64>(target + j) +
            x0 * load<u64>(source + j) +
            x1 * load<u64>(b1 + j) +
            x2 * load<u64>(b2 + j) +
            x3 * load<u64>(b3 + j),
        );
      }
      source = b3 + row;
    }
    for (; p < k; p++) {
      const x = load<u64>(a);
      a += 8;
      for (let j: usize = 0; j < row; j += 8) {
        store<u64>(target + j, load<u64>(target + j) + x * load<u64>(source + j));
      }
      source += row;
    }
  }
}

// @ts-ignore: decorator
@inline
function multiplyHigh(x: u64, y: u64): u64 {
  const x0 = x & 0xffffffff;
  const x1 = x >> 32;
  const y0 = y & 0xffffffff;
  const y1 = y >> 32;
  const low = x0 * y0;
  const mid = x1 * y0 + (low >> 32);
  const mid2 = x0 * y1 + (mid & 0xffffffff);
  return x1 * y1 + (mid >> 32) + (mid2 >> 32);
}

/** target += a over `count` 128-bit numbers. */
export function add128(target: usize, a: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    const low = load<u64>(target) + load<u64>(a);
    const carry = <u64>(low < load<u64>(a));
    store<u64>(target, low);
    store<u64>(target, load<u64>(target, 8) + load<u64>(a, 8) + carry, 8);
    target += 16;
    a += 16;
  }
}

/** target −= a over `count` 128-bit numbers. */
export function subtract128(target: usize, a: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    const x = load<u64>(target);
    const y = load<u64>(a);
    store<u64>(target, x - y);
    store<u64>(target, load<u64>(target, 8) - load<u64>(a, 8) - <u64>(x < y), 8);
    target += 16;
    a += 16;
  }
}

/** out[m × n] += a[m × k] · b[k × n], modulo 2^128. */
export function matmul128(a: usize, b: usize, out: usize, m: i32, k: i32, n: i32): void {
  const row = (<usize>n) << 4;
  for (let i = 0; i < m; i++) {
    const target = out + (<usize>i) * row;
    let source = b;
    for (let p = 0; p < k; p++) {
      const x = load<u64>(a);
      const xh = load<u64>(a, 8);
      a += 16;
      for (let j: usize = 0; j < row; j += 16) {
        const y = load<u64>(source + j);
        const product = x * y;
        const high = multiplyHigh(x, y) + x * load<u64>(source + j, 8) + xh * y;
        const low = load<u64>(target + j) + product;
        store<u64>(target + j, low);
        store<u64>(target + j, load<u64>(target + j, 8) + high + <u64>(low < product), 8);
      }
      source += row;
    }
  }
}

/** target += a · b entry by entry, modulo 2^128. */
export function multiplyAdd128(target: usize, a: usize, b: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    matmul128(a, b, target, 1, 1, 1);
    target += 16;
    a += 16;
    b += 16;
  }
}

/**
 * Gathers the bits of `mask`ed pairs: for each u64 x of `count`, writes the even bits of x, packed into the low 32 bits
 * of `even`, and the odd bits into `odd`. One level of a carry tree halves its width this way.
 */
export function splitBits(x: usize, even: usize, odd: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    const value = load<u64>(x);
    store<u64>(even, compact(value));
    store<u64>(odd, compact(value >> 1));
    x += 8;
    even += 8;
    odd += 8;
  }
}

// @ts-ignore: decorator
@inline
function compact(x: u64): u64 {
  x &= 0x5555555555555555;
  x = (x | (x >> 1)) & 0x3333333333333333;
  x = (x | (x >> 2)) & 0x0f0f0f0f0f0f0f0f;
  x = (x | (x >> 4)) & 0x00ff00ff00ff00ff;
  x = (x | (x >> 8)) & 0x0000ffff0000ffff;
  return (x | (x >> 16)) & 0x00000000ffffffff;
}
