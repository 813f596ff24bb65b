// The keystream kernel: ChaCha20 bytes into memory, for the seeded generator.
import { chachaBlocks4, chachaInit } from './chacha20';

/** Prepares `state` (64 bytes). */
export function init(state: usize, key: usize, counter: u32, nonce: usize): void {
  chachaInit(state, key, counter, nonce);
}

/** Writes `groups` × 256 bytes of keystream to `out`. */
export function generate(state: usize, out: usize, groups: i32): void {
  for (let i = 0; i < groups; i++) {
    chachaBlocks4(state, out, 20);
    out += 256;
  }
}
