/**
 * `sotto predict` for the run folder of a fit: rows in, a class, number, cluster or components for each.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { parse } from 'yaml';
import { z } from 'zod';

import {
  type ClassicalModel,
  createPredictor,
  decodeClassicalModel,
  isClassicalModel,
  type Prediction,
} from '../learning/classical/index.ts';
import { readFileOf } from '../runtime/storage/index.ts';
import { digestFitted } from '../runtime/training/index.ts';
import { RUN_FILES } from '../trust/log/index.ts';
import { openRunRecorder } from './answer-record.ts';
import { UsageError } from './exit-codes.ts';
import { readRows } from './questions.ts';

/** What is asked of a model of a fit. */
export interface ClassicalQuestion {
  readonly rows: string;
  readonly separator: string;
  readonly maxRows: number;
  readonly shownRows: number;
  readonly top: number;
  readonly digits: number;
  readonly record: boolean;
  readonly json: boolean;
}

const recipeSchema = z.object({ fit: z.string() });

/** Says whether a run folder is that of a fit; whoever opens another one gets its own refusals. */
export function isFitFolder(run: string): boolean {
  const path = join(run, RUN_FILES.task);
  if (!existsSync(path)) return false;
  try {
    return recipeSchema.safeParse(parse(new TextDecoder().decode(readFileOf(path, 'recipe')))).success;
  } catch {
    return false;
  }
}

/** Answers rows. @throws {UsageError} when the folder has no model, or a row lacks a column. */
export async function predictClassical(run: string, question: ClassicalQuestion): Promise<void> {
  const { digits, json, maxRows, separator, shownRows, top } = question;
  const file = readFileOf(join(run, RUN_FILES.model), 'model');
  if (!isClassicalModel(file)) throw new UsageError(`${join(run, RUN_FILES.model)} is not the model of a fit`);
  const fitted = decodeClassicalModel(file);
  const { fit } = recipeSchema.parse(parse(new TextDecoder().decode(readFileOf(join(run, RUN_FILES.task), 'recipe'))));
  const { columns, rows } = await readRows(question.rows, { separator, maxRows });
  const missing = fitted.features.map(({ name }) => name).filter((name) => !columns.includes(name));
  if (missing.length > 0) {
    throw new UsageError(
      `${question.rows} has no column ${missing.map((name) => `"${name}"`).join(', ')}, which the model asks for; --separator where its columns look like one`,
    );
  }
  const predict = createPredictor(fitted);
  const answers = rows.map(({ row }) => describe(predict(row), fitted, { digits, top }));
  const recorder = question.record ? await openRunRecorder(run, { name: fit, digest: digestFitted(file) }) : undefined;
  const receipt = await recorder
    ?.record(readFileOf(question.rows, 'rows'), { purpose: 'sotto predict', reservation: null })
    .finally(() => recorder.close());
  const about = {
    mode: 'dp-trained-model',
    charge: 0,
    guarantee: guaranteeOf(fitted),
    ...(receipt === undefined ? {} : { record: receipt }),
  };
  if (json) {
    process.stdout.write(`${JSON.stringify({ answers, ...about }, undefined, 2)}\n`);
    return;
  }
  const shown = answers.slice(0, shownRows).map((answer, i) => `row ${String(i + 1).padEnd(6)} ${toText(answer)}\n`);
  if (answers.length > shownRows) shown.push(`… and ${answers.length - shownRows} more rows: --json prints all\n`);
  const recorded =
    receipt === undefined ? '' : `recorded   leaf ${receipt.logSize - 1} of the log, ${receipt.request}\n`;
  process.stdout.write(
    `${shown.join('')}mode       ${about.mode}\ncharge     ε = 0\nguarantee  ${about.guarantee}\n${recorded}`,
  );
}

function guaranteeOf({ promise: { epsilon, delta, privacyUnit, relation } }: ClassicalModel): string {
  return `post-processing of a model with ε = ${epsilon} at δ = ${delta} for one ${privacyUnit} (${relation}): any number of answers costs nothing more`;
}

type Answer = Readonly<Record<string, unknown>>;

function describe(
  prediction: Prediction,
  { target }: ClassicalModel,
  { digits, top }: { readonly digits: number; readonly top: number },
): Answer {
  const round = (value: number): number => Number(value.toFixed(digits));
  switch (prediction.kind) {
    case 'class': {
      const classes = target?.kind === 'category' ? target.values : [];
      const all = Array.from(prediction.probabilities, (score, label) => ({ class: classes[label], score }));
      const best = all.toSorted((a, b) => b.score - a.score).slice(0, top);
      return { class: prediction.class, top: best.map((each) => ({ ...each, score: round(each.score) })) };
    }
    case 'number':
      return { value: round(prediction.value) };
    case 'cluster':
      return { cluster: prediction.cluster, distance: round(prediction.distance) };
    case 'components':
      return { components: Array.from(prediction.values, round) };
  }
}

function toText(answer: Answer): string {
  const {
    class: best,
    top,
    value,
    cluster,
    distance,
    components,
  } = answer as {
    class?: string;
    top?: readonly { class: string; score: number }[];
    value?: number;
    cluster?: number;
    distance?: number;
    components?: readonly number[];
  };
  if (best !== undefined) return `${best.padEnd(12)} ${top?.map((each) => `${each.class} (${each.score})`).join(', ')}`;
  if (cluster !== undefined) return `cluster ${cluster}, at distance ${distance}`;
  return components === undefined ? String(value) : components.join(', ');
}
