/**
 * `sotto predict RUN`: asks a model of a run about an image, a typed text or rows of a table. The answer says in which mode it
 * was given and what it cost: a model that was trained privately answers for nothing, one that was not says that it
 * protects nobody.
 *
 * @module
 */

import { Command } from 'commander';

import { limitScores } from '../learning/answers/index.ts';
import type { Dataset } from '../learning/data/index.ts';
import { utf8 } from '../foundations/crypto/index.ts';
import { readFileOf } from '../runtime/storage/index.ts';
import { openRunRecorder } from './answer-record.ts';
import { type AnsweringModel, guaranteeOf, openAnsweringModel } from './answering.ts';
import { UsageError } from './exit-codes.ts';
import { integerOption } from './mpc.ts';
import { isFitFolder, predictClassical } from './predict-classical.ts';
import { createImageReader, createRowReader, createTextReader, readRows } from './questions.ts';

interface PredictOptions {
  readonly text?: string;
  readonly rows?: string;
  readonly separator: string;
  readonly top: string;
  readonly digits: string;
  readonly invert?: boolean;
  readonly record: boolean;
  readonly json?: boolean;
}

/** Rows that are shown on a terminal. */
const SHOWN_ROWS = 10;
/** Rows that are answered at once. */
const MAX_ROWS = 100_000;

/** Creates the command. */
export function createPredictCommand(): Command {
  return new Command('predict')
    .description('Ask a model about an image, a text or rows of a table; the answer names its mode and its charge.')
    .argument('<run>', 'run folder with model.safetensors')
    .argument('[image]', 'PNG file of the size the model takes')
    .option('--text <text>', 'a typed text in place of an image; - reads it from standard input')
    .option('--rows <file>', 'rows of a table (CSV, JSON lines, Parquet) in place of an image')
    .option('--separator <character>', 'between the cells of a CSV file', ',')
    .option('--top <count>', 'classes that are told', '3')
    .option('--digits <count>', 'decimal digits of a score', '3')
    .option('--invert', 'the image is dark on light, the model takes light on dark')
    .option('--no-record', 'leave no record of the answer in the run’s log')
    .option('--json', 'print the answer as JSON, and nothing else, on standard output')
    .action((run: string, image: string | undefined, options: PredictOptions) => predict(run, image, options));
}

async function predict(run: string, image: string | undefined, options: PredictOptions): Promise<void> {
  const given = [image, options.text, options.rows].filter((each) => each !== undefined);
  if (given.length !== 1) throw new UsageError('ask about one thing: an image, --text TEXT or --rows FILE');
  const digits = integerOption(options.digits, '--digits', { min: 0, max: 6 });
  const most = integerOption(options.top, '--top', { min: 1, max: 1_000_000 });
  if (isFitFolder(run)) {
    const { rows, separator, record, json = false } = options;
    if (rows === undefined)
      throw new UsageError(`${run} holds the model of a table: ask about its rows with --rows FILE`);
    await predictClassical(run, {
      rows,
      separator,
      record,
      json,
      digits,
      top: most,
      maxRows: MAX_ROWS,
      shownRows: SHOWN_ROWS,
    });
    return;
  }
  const model = openAnsweringModel(run);
  const top = Math.min(model.classes, most);
  const { question, dataset } = await readQuestion(model, image, options);
  const probabilities = model.probabilities(dataset);
  const answers = Array.from({ length: dataset.size }, (_, i) => {
    const scores = probabilities.subarray(i * model.classes, (i + 1) * model.classes);
    const best = limitScores(scores, { top, digits });
    return {
      label: best[0]?.label ?? 0,
      class: model.classNames[best[0]?.label ?? 0] as string,
      top: best.map((each) => ({ ...each, class: model.classNames[each.label] as string })),
    };
  });
  const recorder = options.record ? await openRunRecorder(run, model) : undefined;
  const receipt = await recorder
    ?.record(question, { purpose: 'sotto predict', reservation: null })
    .finally(() => recorder.close());
  const about = {
    mode: model.promise === null ? 'not-private' : 'dp-trained-model',
    charge: 0,
    guarantee: guaranteeOf(model),
    ...(receipt === undefined ? {} : { record: receipt }),
  };
  if (options.json === true) {
    const [only] = answers;
    const answer = options.rows === undefined ? { ...only, ...about } : { answers, ...about };
    process.stdout.write(`${JSON.stringify(answer, undefined, 2)}\n`);
    return;
  }
  const shown = answers.slice(0, SHOWN_ROWS).map(({ class: best, top: told }, i) => {
    const scores = told.map((each) => `${each.class} (${each.score.toFixed(digits)})`).join(', ');
    return options.rows === undefined
      ? `answer     ${best}\nscores     ${scores}\n`
      : `row ${String(i + 1).padEnd(6)} ${best.padEnd(12)} ${scores}\n`;
  });
  if (answers.length > SHOWN_ROWS) shown.push(`… and ${answers.length - SHOWN_ROWS} more rows: --json prints all\n`);
  const recorded =
    receipt === undefined ? '' : `recorded   leaf ${receipt.logSize - 1} of the log, ${receipt.request}\n`;
  process.stdout.write(
    `${shown.join('')}mode       ${about.mode}\ncharge     ε = 0\nguarantee  ${about.guarantee}\n${recorded}`,
  );
}

async function readQuestion(
  model: AnsweringModel,
  image: string | undefined,
  { text, rows, separator, invert = false }: PredictOptions,
): Promise<{ question: Uint8Array; dataset: Dataset }> {
  if (image !== undefined) {
    const bytes = readFileOf(image, 'image');
    return { question: bytes, dataset: createImageReader(model, { invert })(bytes, image) };
  }
  if (text !== undefined) {
    const said = text === '-' ? await readAll(process.stdin) : text;
    return { question: utf8(said), dataset: createTextReader(model)(said) };
  }
  const path = rows as string;
  const read = createRowReader(model);
  const table = await readRows(path, { separator, maxRows: MAX_ROWS });
  return { question: readFileOf(path, 'rows'), dataset: read(table.rows.map(({ row }) => row)) };
}

async function readAll(stream: NodeJS.ReadStream): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString('utf8');
}
