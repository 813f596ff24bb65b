export {
  countNonFinite,
  createDataset,
  datasetFromIdx,
  type Dataset,
  type DatasetFields,
  type InputArray,
  type LabelArray,
} from './dataset.ts';
export { DataError, type DataErrorCode } from './errors.ts';
export { IDX_FILE_NAMES, readIdx, type IdxArray } from './idx.ts';
export { partitionByLabel, partitionDirichlet, partitionIid, type Partition } from './partition.ts';
