/**
 * The privacy card and the sheets made from it: generated from a run's log, never written by hand.
 *
 * @module
 */

export {
  type ControllerFacts,
  controllerFactsSchema,
  createPrivacyCard,
  parseControllerFacts,
  type PrivacyCard,
  type SpendingPoint,
} from './card.ts';
export { CardError, type CardErrorCode } from './errors.ts';
export { formatCardPage } from './page.ts';
export { createRegistryRecord, formatRegistryRecord } from './registry.ts';
export {
  answerNistQuestions,
  detectionAt,
  formatHipaaSheet,
  formatImpactAssessment,
  formatNistSheet,
  formatProcessingRecord,
} from './sheets.ts';
