// The kernels of the training engine; `src/foundations/kernels/linear.ts` names what each is for.
export { gemm, packPanels } from './linear/gemm';
export { flushGrid, gemmGrid } from './linear/gemm-grid';
export {
  affine,
  axpy,
  broadcastRow,
  bytesToFloats,
  geluBackward,
  geluForward,
  relu,
  reluBackward,
  scaleRows,
  softmaxBackward,
  softmaxForward,
  sumRows,
  tanhBackward,
  tanhForward,
  temperedBackward,
  temperedForward,
  wordsToFloats,
} from './linear/elementwise';
export { bagAccumulate, bagForward, bagGhostNorms, bagGradient, bagTokens } from './linear/embedding';
export { coins, dropInPlace } from './linear/coins';
export { cropImage, imageToRows, padImage, rowsToImage, shiftImage } from './linear/images';
export { averagePoolBackward, averagePoolForward, maxPoolBackward, maxPoolForward } from './linear/pools';
export { normBackward, normForward, normGradient } from './linear/normalization';
export { binaryCrossEntropy, huber, softmaxCrossEntropy, squaredError } from './linear/losses';
export { allFinite, denseGhostNorms, sumSquares } from './linear/norms';
