/**
 * The event a person describes by flags, or gives as JSON in a file.
 *
 * @module
 */

import { readFileSync } from 'node:fs';

import { type Command, Option } from 'commander';

import {
  bandedMatrixFactorization,
  type DpEvent,
  eventFromJson,
  fixedOrderEpoch,
  gaussian,
  laplace,
  type NeighboringRelation,
  parseRelation,
  poissonSampled,
  sampledWithoutReplacement,
  selfComposed,
} from '../../privacy/accounting/index.ts';
import { UsageError } from '../exit-codes.ts';

/** The flags that describe what is run. */
export interface EventFlags {
  readonly event?: string;
  readonly mechanism: string;
  readonly noiseMultiplier?: string;
  readonly sampling: string;
  readonly samplingRate: string;
  readonly datasetSize?: string;
  readonly batchSize?: string;
  readonly bands?: string;
  readonly steps: string;
  readonly relation: string;
}

/** Adds the flags to a command. */
export function addEventOptions(command: Command): Command {
  return command
    .option('--event <file>', 'what is run, as JSON in the DpEvent algebra (instead of the flags below)')
    .addOption(new Option('--mechanism <name>', 'noise').choices(['gaussian', 'laplace']).default('gaussian'))
    .option('--noise-multiplier <number>', 'noise ÷ sensitivity of one record (the clip norm)')
    .addOption(
      new Option('--sampling <name>', 'how a step chooses its records')
        .choices(['poisson', 'fixed-size', 'shuffled', 'cyclic', 'banded'])
        .default('poisson'),
    )
    .option('--sampling-rate <number>', 'probability with which a record is in a step', '1')
    .option('--dataset-size <count>', 'records (fixed-size, shuffled, cyclic)')
    .option('--batch-size <count>', 'records in a step (fixed-size, shuffled, cyclic)')
    .option('--bands <count>', 'bands of the matrix (banded)')
    .option('--steps <count>', 'steps', '1')
    .addOption(
      new Option('--relation <name>', 'which data sets are neighbours')
        .choices(['add-or-remove-one', 'replace-one', 'zero-out'])
        .default('add-or-remove-one'),
    );
}

/** Reads a number. @throws {UsageError} naming the flag when it is none, or out of range. */
export function numberFlag(
  text: string | undefined,
  flag: string,
  { min = -Infinity, max = Infinity, integer = false }: { min?: number; max?: number; integer?: boolean } = {},
): number {
  const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text);
  if (!(value >= min && value <= max) || (integer && !Number.isSafeInteger(value))) {
    throw new UsageError(
      `${flag} must be ${integer ? 'an integer' : 'a number'} in [${min}, ${max}], got ${text ?? 'nothing'}`,
    );
  }
  return value;
}

/** Reads a JSON file. @throws {UsageError} when it cannot be read. */
export function readJsonFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The relation of the flags. */
export function relationOf({ relation }: EventFlags): NeighboringRelation {
  return parseRelation(relation);
}

/** What may be left open for a calibration to find. */
export interface EventHoles {
  readonly noiseMultiplier?: number;
  readonly samplingRate?: number;
  readonly steps?: number;
}

/** Makes the event that the flags describe; `holes` takes the place of flags. */
export function eventOf(flags: EventFlags, holes: EventHoles = {}): DpEvent {
  const stepCount = holes.steps ?? numberFlag(flags.steps, '--steps', { min: 1, max: 1e12, integer: true });
  if (flags.event !== undefined) {
    const event = eventFromJson(readJsonFile(flags.event));
    return stepCount === 1 ? event : selfComposed(event, stepCount);
  }
  const noiseMultiplier = holes.noiseMultiplier ?? numberFlag(flags.noiseMultiplier, '--noise-multiplier', { min: 0 });
  const noise = flags.mechanism === 'laplace' ? laplace({ noiseMultiplier }) : gaussian({ noiseMultiplier });
  const rate = holes.samplingRate ?? numberFlag(flags.samplingRate, '--sampling-rate', { min: 0, max: 1 });
  const size = (flag: '--dataset-size' | '--batch-size'): number =>
    numberFlag(flag === '--dataset-size' ? flags.datasetSize : flags.batchSize, flag, {
      min: 1,
      max: 1e15,
      integer: true,
    });
  switch (flags.sampling) {
    case 'fixed-size': {
      // Stated over the replace-one sensitivity, which is twice the clip norm.
      const inner =
        flags.mechanism === 'laplace'
          ? laplace({ noiseMultiplier: noiseMultiplier / 2 })
          : gaussian({ noiseMultiplier: noiseMultiplier / 2 });
      const step = sampledWithoutReplacement({
        datasetSize: size('--dataset-size'),
        sampleSize: size('--batch-size'),
        event: inner,
      });
      return stepCount === 1 ? step : selfComposed(step, stepCount);
    }
    case 'shuffled':
    case 'cyclic': {
      const batches = Math.ceil(size('--dataset-size') / size('--batch-size'));
      const epoch = fixedOrderEpoch({ order: flags.sampling, batches, event: noise });
      // A record is used once an epoch; a part of an epoch counts as a whole one.
      return selfComposed(epoch, Math.ceil(stepCount / batches));
    }
    case 'banded': {
      const bands = numberFlag(flags.bands, '--bands', { min: 1, max: stepCount, integer: true });
      return bandedMatrixFactorization({ noiseMultiplier, iterations: stepCount, bands, samplingRate: rate });
    }
    default: {
      const step = rate === 1 ? noise : poissonSampled({ samplingRate: rate, event: noise });
      return stepCount === 1 ? step : selfComposed(step, stepCount);
    }
  }
}
