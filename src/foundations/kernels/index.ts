export { instantiateKernel, type KernelInstance } from './instance.ts';
export { createKeystream, type Keystream } from './keystream.ts';
export { createLinearKernels, panelFloats, type LinearKernels } from './linear.ts';
export {
  type BlockNoiseTable,
  drawNoiseInto,
  type NoiseTable,
  type PendingDraw,
  type ValueNoiseTable,
} from './noise.ts';
export { addMasksInto, MASK_TILE_BYTES, type Mask, type MaskOptions } from './masks.ts';
export {
  add128Into,
  addKeystreamInto,
  multiplyAdd128Into,
  multiplyAdd64Into,
  multiplyMatrices128Into,
  multiplyMatrices64Into,
  type ProductShape,
  splitBits64,
} from './ring.ts';
export {
  createScatteringKernel,
  SCATTERING_LANES,
  type ScatteringKernel,
  type ScatteringTables,
} from './scattering.ts';
export {
  createWorkerPool,
  serveRequests,
  startWorker,
  WorkerError,
  type Served,
  type WorkerEntry,
  type WorkerPool,
  type WorkerThread,
} from './workers.ts';
