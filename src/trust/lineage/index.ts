/**
 * Where a model comes from: from raw file to answer, read from a verified log.
 *
 * @module
 */

export { eraseSubject, type ErasureReceipt } from './erasure.ts';
export { LineageError, type LineageErrorCode } from './errors.ts';
export {
  type LineageActivity,
  type LineageCharge,
  type LineageEntity,
  type LineageGraph,
  readLineage,
  uuidOf,
} from './graph.ts';
export { formatOpenLineage } from './openlineage.ts';
export { formatProv } from './prov.ts';
