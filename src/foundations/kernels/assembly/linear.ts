// The kernels of the training engine; `src/foundations/kernels/linear.ts` names what each is for.
export { flushGrid, gemm, gemmGrid, packPanels } from './linear/gemm';
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
export { bagAccumulate, bagForward, bagGhostNorms, bagGradient } from './linear/embedding';
export { coins, dropInPlace } from './linear/coins';
export {
  averagePoolBackward,
  averagePoolForward,
  cropImage,
  imageToRows,
  maxPoolBackward,
  maxPoolForward,
  padImage,
  rowsToImage,
  shiftImage,
} from './linear/images';
export { normBackward, normForward, normGradient } from './linear/normalization';
export { binaryCrossEntropy, huber, softmaxCrossEntropy, squaredError } from './linear/losses';
export { allFinite, denseGhostNorms, sumSquares } from './linear/norms';
