/** What the page of preparation's browser test offers. */
import { prepareSample } from '../prepared-sample.ts';

(globalThis as unknown as { prepareSample: typeof prepareSample }).prepareSample = prepareSample;
