export { instantiateKernel, type KernelInstance } from './instance.ts';
export { createKeystream, type Keystream } from './keystream.ts';
export { drawNoiseInto, type NoiseTable, type PendingDraw } from './noise.ts';
export { addMasksInto, MASK_TILE_BYTES, type Mask, type MaskOptions } from './masks.ts';
