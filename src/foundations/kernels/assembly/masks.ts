// The mask kernel: expands a key to a ChaCha stream and adds it to (or subtracts it from) a vector of ring elements in
// one pass. Entry i of the vector takes the i-th word of the stream, little-endian, 16, 32 or 64 bits wide.
import { chachaBlocks4, chachaInit } from './chacha20';

// Signs and widths, as masks.ts passes them.
const SUBTRACT: i32 = 1;

/**
 * Applies `count` masks to the tile at `target`.
 * `groups` × 256 bytes are changed; `keys` holds `count` keys of 32 bytes, `signs` one byte each (1 = subtract);
 * `counter` is the block counter of the tile's first byte; `width` is 16, 32 or 64; `rounds` 20 or 12.
 * `state` (64 bytes), `nonce` (12 zero bytes) and `scratch` (256 bytes) are working memory.
 */
export function applyMasks(
  target: usize,
  groups: i32,
  keys: usize,
  signs: usize,
  count: i32,
  counter: u32,
  width: i32,
  rounds: i32,
  state: usize,
  nonce: usize,
  scratch: usize,
): void {
  for (let k = 0; k < count; k++) {
    chachaInit(state, keys + (<usize>k << 5), counter, nonce);
    const subtract = load<u8>(signs + <usize>k) == SUBTRACT;
    let at = target;
    for (let g = 0; g < groups; g++) {
      chachaBlocks4(state, scratch, rounds);
      if (width == 32) {
        if (subtract) subtract32(at, scratch);
        else add32(at, scratch);
      } else if (width == 16) {
        if (subtract) subtract16(at, scratch);
        else add16(at, scratch);
      } else {
        if (subtract) subtract64(at, scratch);
        else add64(at, scratch);
      }
      at += 256;
    }
  }
}

function add32(at: usize, from: usize): void {
  for (let i: usize = 0; i < 256; i += 64) {
    v128.store(at + i, i32x4.add(v128.load(at + i), v128.load(from + i)));
    v128.store(at + i, i32x4.add(v128.load(at + i, 16), v128.load(from + i, 16)), 16);
    v128.store(at + i, i32x4.add(v128.load(at + i, 32), v128.load(from + i, 32)), 32);
    v128.store(at + i, i32x4.add(v128.load(at + i, 48), v128.load(from + i, 48)), 48);
  }
}

function subtract32(at: usize, from: usize): void {
  for (let i: usize = 0; i < 256; i += 64) {
    v128.store(at + i, i32x4.sub(v128.load(at + i), v128.load(from + i)));
    v128.store(at + i, i32x4.sub(v128.load(at + i, 16), v128.load(from + i, 16)), 16);
    v128.store(at + i, i32x4.sub(v128.load(at + i, 32), v128.load(from + i, 32)), 32);
    v128.store(at + i, i32x4.sub(v128.load(at + i, 48), v128.load(from + i, 48)), 48);
  }
}

function add16(at: usize, from: usize): void {
  for (let i: usize = 0; i < 256; i += 32) {
    v128.store(at + i, i16x8.add(v128.load(at + i), v128.load(from + i)));
    v128.store(at + i, i16x8.add(v128.load(at + i, 16), v128.load(from + i, 16)), 16);
  }
}

function subtract16(at: usize, from: usize): void {
  for (let i: usize = 0; i < 256; i += 32) {
    v128.store(at + i, i16x8.sub(v128.load(at + i), v128.load(from + i)));
    v128.store(at + i, i16x8.sub(v128.load(at + i, 16), v128.load(from + i, 16)), 16);
  }
}

function add64(at: usize, from: usize): void {
  for (let i: usize = 0; i < 256; i += 32) {
    v128.store(at + i, i64x2.add(v128.load(at + i), v128.load(from + i)));
    v128.store(at + i, i64x2.add(v128.load(at + i, 16), v128.load(from + i, 16)), 16);
  }
}

function subtract64(at: usize, from: usize): void {
  for (let i: usize = 0; i < 256; i += 32) {
    v128.store(at + i, i64x2.sub(v128.load(at + i), v128.load(from + i)));
    v128.store(at + i, i64x2.sub(v128.load(at + i, 16), v128.load(from + i, 16)), 16);
  }
}
