/** Random changes of inputs, as fuzzing makes them. */
import { type Rng, sampleUint32Below } from '../../src/foundations/random/index.ts';

/** Numbers that lengths and counts break on. */
const EXTREMES = [0, 1, 0x7f, 0x80, 0xff, 0x20, 0x22, 0x5b, 0x7b, 0x9f, 0xbf, 0xd9, 0xf6, 0xfb];

/** Changes an input in one to four random ways. */
export function mutate(seed: Uint8Array, others: readonly Uint8Array[], rng: Rng): Uint8Array {
  const below = (bound: number): number => (bound <= 1 ? 0 : sampleUint32Below(bound, rng));
  let current: number[] | Uint8Array = seed.slice();
  for (let step = 1 + below(4); step > 0; step -= 1) {
    const data: Uint8Array = Uint8Array.from(current);
    const at = below(data.length);
    const span = 1 + below(Math.min(64, Math.max(1, data.length - at)));
    switch (below(9)) {
      case 0:
        data[at] = (data[at] ?? 0) ^ (1 << below(8));
        current = data;
        break;
      case 1:
        data[at] = EXTREMES[below(EXTREMES.length)] as number;
        current = data;
        break;
      case 2:
        data.set(rng.bytes(Math.min(span, data.length - at)), at);
        current = data;
        break;
      case 3:
        current = data.slice(0, at);
        break;
      case 4:
        current = [...data, ...rng.bytes(span)];
        break;
      case 5:
        current = [...data.subarray(0, at), ...data.subarray(at + span)];
        break;
      case 6:
        current = [...data.subarray(0, at), ...data.subarray(at, at + span), ...data.subarray(at)];
        break;
      case 7: {
        const other = others[below(others.length)] as Uint8Array;
        const from = below(other.length);
        current = [...data.subarray(0, at), ...other.subarray(from, from + span), ...data.subarray(at + span)];
        break;
      }
      default:
        current =
          below(20) === 0 ? rng.bytes(below(400)) : data.map((byte, index) => (index === at ? ~byte & 0xff : byte));
    }
  }
  return Uint8Array.from(current);
}
