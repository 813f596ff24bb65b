export {
  countNonFinite,
  createDataset,
  datasetFromIdx,
  type Dataset,
  type DatasetFields,
  type InputArray,
  joinDatasets,
  type LabelArray,
} from './dataset.ts';
export {
  createRowEncoder,
  createTextEncoder,
  encodingWidth,
  type InputEncoding,
  inputEncodingSchema,
  type RowEncoding,
  type TextEncoding,
  termsOf,
} from './encodings.ts';
export { DataError, type DataErrorCode } from './errors.ts';
export { IDX_FILE_NAMES, readIdx, type IdxArray } from './idx.ts';
export { labelOfPath, type NamedLabels, numberLabels } from './labels.ts';
export { partitionByLabel, partitionDirichlet, partitionIid, type Partition } from './partition.ts';
export { type PixelFormat, pixelFormatOf, pixelsInto } from './pixels.ts';
export { datasetFromRows, findLabelColumn, type RowsOptions, type TextTable } from './rows.ts';
export { encodeBagOfWords, encodeTokens, hashWord, splitWords } from './texts.ts';
