export { PreparationError, type PreparationErrorCode } from './errors.ts';
export { createPreparation, type Preparation, type PreparationFields, type PreparationReport } from './pipeline.ts';
export { createCategoryNoise, createNumberNoise, type CellNoise } from './private/local-noise.ts';
export {
  createCategoryCollector,
  createMomentsCollector,
  createQuantileCollector,
  createStatisticCollector,
  wordsOf,
  type Collector,
} from './private/collectors.ts';
export {
  createSyntheticPlan,
  rhoOf,
  type Attribute,
  type SyntheticModel,
  type SyntheticPlan,
} from './private/synthetic.ts';
export { createDateShifter, type DateShifter } from './pseudonyms/date-shift.ts';
export { createFf1, FF1_ALPHANUMERIC, type FormatPreservingCipher } from './pseudonyms/ff1.ts';
export { createTokenizer, derivePurposeKey, type Tokenizer } from './pseudonyms/tokens.ts';
export { buildLineage, type ColumnLineage, type RunFacts } from './recipe/lineage.ts';
export { parseRecipe } from './recipe/parse.ts';
export { createSafeHarborCheck, type SafeHarborCheck, type SafeHarborRow } from './recipe/safe-harbor.ts';
export { listCharged, recipeSchema, type Recipe } from './recipe/schema.ts';
export { type MalformedRow, type ReleasedColumn, type TableItem, type TableRow } from './rows.ts';
export {
  anonymize,
  type Anonymization,
  type AnonymizationFields,
  type AnonymizationReport,
} from './tables/anonymize.ts';
export { createClassTableBuilder, type ClassTable, type ClassTableBuilder } from './tables/classes.ts';
export { type Distance } from './tables/closeness.ts';
export { type Criterion } from './tables/criteria.ts';
export {
  buildDates,
  buildIntervals,
  buildPrefixes,
  codeHierarchy,
  hierarchyFromRows,
  parseHierarchyRows,
  type CodedHierarchy,
  type Hierarchy,
} from './tables/hierarchy.ts';
export { type Aggregate, type Metric, type Score } from './tables/metrics.ts';
export { partitionMondrian, type Partitioning } from './tables/mondrian.ts';
export { computeRisks, type Risks } from './tables/risks.ts';
export { findOptimum, type Optimum, type SearchFields } from './tables/search.ts';
export { type Compromise, createCompromiseRecognizer } from './text/compromise.ts';
export {
  CORE_ENTITIES,
  COUNTRY_ENTITIES,
  ENTITY_TYPES,
  NAME_ENTITIES,
  type EntityType,
  type PiiSpan,
} from './text/entities.ts';
export {
  decryptPii,
  encryptPii,
  redactText,
  type PiiOperator,
  type PiiOperators,
  type RedactedText,
} from './text/operators.ts';
export { resolveOverlaps } from './text/overlaps.ts';
export { type Recognizer, type TextRecognizer } from './text/recognizer.ts';
export { createPiiScanner, type PiiScanner, type ScannerOptions } from './text/scanner.ts';
