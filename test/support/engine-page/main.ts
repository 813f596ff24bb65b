/** What the page of the engine's browser test offers. */
import { computeSums } from '../engine-sums.ts';

(globalThis as unknown as { computeSums: typeof computeSums }).computeSums = computeSums;
