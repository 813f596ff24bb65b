/**
 * The stages of a round, in their order.
 *
 * @module
 */

/** Stages of a round. `drawGraph` and `consistency` take place only where the configuration asks for them. */
export const SECAGG_STAGES = [
  'advertiseKeys',
  'drawGraph',
  'shareKeys',
  'maskedInput',
  'consistency',
  'unmask',
] as const;

/** One stage, named after what a participant sends in it. */
export type SecAggStage = (typeof SECAGG_STAGES)[number];
