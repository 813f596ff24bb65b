export { chooseBitWidth, computeNoiseBound, type BitWidthOptions } from './bit-width.ts';
export { addPackedInto, packBits, packedLength, unpackBits } from './packing.ts';
export { clipInto, l2Norm, quantizeInto, type QuantizeOptions } from './quantize.ts';
export {
  addRingInto,
  assertResidues,
  createRing,
  decodeRing,
  decodeRingWide,
  encodeRing,
  encodeRingWide,
  reduceRingInto,
  subtractRingInto,
  type Ring,
} from './ring.ts';
export { createRotation, walshHadamardInto, type Rotation } from './rotation.ts';
export { ditherInto, roundConditionallyInto } from './rounding.ts';
