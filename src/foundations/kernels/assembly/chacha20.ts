// ChaCha20 keystream, four blocks at a time, one block a SIMD lane. [RFC8439] §2.3; the 32-bit counter is word 12.
// State layout at `state` (64 bytes): 16 little-endian words; words 0-3 constants, 4-11 key, 12 counter, 13-15 nonce.

// @ts-ignore: decorator
@inline
function rotl16(x: v128): v128 {
  return i8x16.shuffle(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
}
// @ts-ignore: decorator
@inline
function rotl12(x: v128): v128 {
  return v128.or(i32x4.shl(x, 12), i32x4.shr_u(x, 20));
}
// @ts-ignore: decorator
@inline
function rotl8(x: v128): v128 {
  return i8x16.shuffle(x, x, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);
}
// @ts-ignore: decorator
@inline
function rotl7(x: v128): v128 {
  return v128.or(i32x4.shl(x, 7), i32x4.shr_u(x, 25));
}

/** Writes the constants, key (32 bytes at `key`), counter and nonce (12 bytes at `nonce`) into `state`. */
export function chachaInit(state: usize, key: usize, counter: u32, nonce: usize): void {
  store<u32>(state, 0x61707865);
  store<u32>(state, 0x3320646e, 4);
  store<u32>(state, 0x79622d32, 8);
  store<u32>(state, 0x6b206574, 12);
  v128.store(state, v128.load(key), 16);
  v128.store(state, v128.load(key, 16), 32);
  store<u32>(state, counter, 48);
  store<u32>(state, load<u32>(nonce), 52);
  store<u32>(state, load<u32>(nonce, 4), 56);
  store<u32>(state, load<u32>(nonce, 8), 60);
}

/**
 * Writes 256 bytes of keystream (four blocks, RFC order) to `out` and advances the counter by four.
 * `rounds` is 20 (ChaCha20) or 12 (ChaCha12). The counter must not wrap: callers bound one stream by 2^32 blocks.
 */
export function chachaBlocks4(state: usize, out: usize, rounds: i32): void {
  const counter = load<u32>(state, 48);
  const c0 = v128.load32_splat(state);
  const c1 = v128.load32_splat(state, 4);
  const c2 = v128.load32_splat(state, 8);
  const c3 = v128.load32_splat(state, 12);
  const c12 = i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3));
  let x0 = c0;
  let x1 = c1;
  let x2 = c2;
  let x3 = c3;
  let x4 = v128.load32_splat(state, 16);
  let x5 = v128.load32_splat(state, 20);
  let x6 = v128.load32_splat(state, 24);
  let x7 = v128.load32_splat(state, 28);
  let x8 = v128.load32_splat(state, 32);
  let x9 = v128.load32_splat(state, 36);
  let x10 = v128.load32_splat(state, 40);
  let x11 = v128.load32_splat(state, 44);
  let x12 = c12;
  let x13 = v128.load32_splat(state, 52);
  let x14 = v128.load32_splat(state, 56);
  let x15 = v128.load32_splat(state, 60);

  for (let i = rounds >> 1; i > 0; i--) {
    // Column round, the four quarter rounds interleaved for instruction-level parallelism.
    x0 = i32x4.add(x0, x4);
    x1 = i32x4.add(x1, x5);
    x2 = i32x4.add(x2, x6);
    x3 = i32x4.add(x3, x7);
    x12 = rotl16(v128.xor(x12, x0));
    x13 = rotl16(v128.xor(x13, x1));
    x14 = rotl16(v128.xor(x14, x2));
    x15 = rotl16(v128.xor(x15, x3));
    x8 = i32x4.add(x8, x12);
    x9 = i32x4.add(x9, x13);
    x10 = i32x4.add(x10, x14);
    x11 = i32x4.add(x11, x15);
    x4 = rotl12(v128.xor(x4, x8));
    x5 = rotl12(v128.xor(x5, x9));
    x6 = rotl12(v128.xor(x6, x10));
    x7 = rotl12(v128.xor(x7, x11));
    x0 = i32x4.add(x0, x4);
    x1 = i32x4.add(x1, x5);
    x2 = i32x4.add(x2, x6);
    x3 = i32x4.add(x3, x7);
    x12 = rotl8(v128.xor(x12, x0));
    x13 = rotl8(v128.xor(x13, x1));
    x14 = rotl8(v128.xor(x14, x2));
    x15 = rotl8(v128.xor(x15, x3));
    x8 = i32x4.add(x8, x12);
    x9 = i32x4.add(x9, x13);
    x10 = i32x4.add(x10, x14);
    x11 = i32x4.add(x11, x15);
    x4 = rotl7(v128.xor(x4, x8));
    x5 = rotl7(v128.xor(x5, x9));
    x6 = rotl7(v128.xor(x6, x10));
    x7 = rotl7(v128.xor(x7, x11));
    // Diagonal round.
    x0 = i32x4.add(x0, x5);
    x1 = i32x4.add(x1, x6);
    x2 = i32x4.add(x2, x7);
    x3 = i32x4.add(x3, x4);
    x15 = rotl16(v128.xor(x15, x0));
    x12 = rotl16(v128.xor(x12, x1));
    x13 = rotl16(v128.xor(x13, x2));
    x14 = rotl16(v128.xor(x14, x3));
    x10 = i32x4.add(x10, x15);
    x11 = i32x4.add(x11, x12);
    x8 = i32x4.add(x8, x13);
    x9 = i32x4.add(x9, x14);
    x5 = rotl12(v128.xor(x5, x10));
    x6 = rotl12(v128.xor(x6, x11));
    x7 = rotl12(v128.xor(x7, x8));
    x4 = rotl12(v128.xor(x4, x9));
    x0 = i32x4.add(x0, x5);
    x1 = i32x4.add(x1, x6);
    x2 = i32x4.add(x2, x7);
    x3 = i32x4.add(x3, x4);
    x15 = rotl8(v128.xor(x15, x0));
    x12 = rotl8(v128.xor(x12, x1));
    x13 = rotl8(v128.xor(x13, x2));
    x14 = rotl8(v128.xor(x14, x3));
    x10 = i32x4.add(x10, x15);
    x11 = i32x4.add(x11, x12);
    x8 = i32x4.add(x8, x13);
    x9 = i32x4.add(x9, x14);
    x5 = rotl7(v128.xor(x5, x10));
    x6 = rotl7(v128.xor(x6, x11));
    x7 = rotl7(v128.xor(x7, x8));
    x4 = rotl7(v128.xor(x4, x9));
  }

  storeTransposed(
    out,
    i32x4.add(x0, c0),
    i32x4.add(x1, c1),
    i32x4.add(x2, c2),
    i32x4.add(x3, c3),
  );
  storeTransposed(
    out + 16,
    i32x4.add(x4, v128.load32_splat(state, 16)),
    i32x4.add(x5, v128.load32_splat(state, 20)),
    i32x4.add(x6, v128.load32_splat(state, 24)),
    i32x4.add(x7, v128.load32_splat(state, 28)),
  );
  storeTransposed(
    out + 32,
    i32x4.add(x8, v128.load32_splat(state, 32)),
    i32x4.add(x9, v128.load32_splat(state, 36)),
    i32x4.add(x10, v128.load32_splat(state, 40)),
    i32x4.add(x11, v128.load32_splat(state, 44)),
  );
  storeTransposed(
    out + 48,
    i32x4.add(x12, c12),
    i32x4.add(x13, v128.load32_splat(state, 52)),
    i32x4.add(x14, v128.load32_splat(state, 56)),
    i32x4.add(x15, v128.load32_splat(state, 60)),
  );
  store<u32>(state, counter + 4, 48);
}

/** Transposes four word vectors (lane = block) and stores 16 bytes of each of the four blocks, 64 bytes apart. */
// @ts-ignore: decorator
@inline
function storeTransposed(out: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab0 = i32x4.shuffle(a, b, 0, 4, 1, 5);
  const ab1 = i32x4.shuffle(a, b, 2, 6, 3, 7);
  const cd0 = i32x4.shuffle(c, d, 0, 4, 1, 5);
  const cd1 = i32x4.shuffle(c, d, 2, 6, 3, 7);
  v128.store(out, i64x2.shuffle(ab0, cd0, 0, 2));
  v128.store(out, i64x2.shuffle(ab0, cd0, 1, 3), 64);
  v128.store(out, i64x2.shuffle(ab1, cd1, 0, 2), 128);
  v128.store(out, i64x2.shuffle(ab1, cd1, 1, 3), 192);
}
