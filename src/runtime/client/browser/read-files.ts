/**
 * From files a person drops to examples a task can use: IDX pairs, tables (CSV, TSV), pictures in folders named by
 * their class, texts in folders named by their class. Everything happens here, in the browser; nothing is uploaded.
 *
 * @module
 */

import {
  createDataset,
  DataError,
  type Dataset,
  datasetFromIdx,
  datasetFromRows,
  encodeBagOfWords,
  encodeTokens,
  findLabelColumn,
  labelOfPath,
  numberLabels,
  pixelFormatOf,
  pixelsInto,
  readIdx,
} from '../../../learning/data/index.ts';
import { createCsvParser } from '../../storage/csv/index.ts';
import type { DataSummary, DroppedFile, ReadOptions, TaskView } from './messages.ts';

interface Reading extends ReadOptions {
  readonly task: TaskView;
  readonly onProgress: (done: number, total: number) => void;
}

interface Read {
  readonly dataset: Dataset;
  readonly summary: DataSummary;
}

const PICTURE = /\.(png|jpe?g|webp|gif|bmp|avif)$/i;
const TABLE = /\.(csv|tsv)$/i;
const TEXT = /\.(txt|md|eml|text)$/i;
const IDX_IMAGES = /images[-.]idx3-ubyte$/i;
const PREVIEWS = 12;
const LINES = 4;
/** A progress line every so many files. */
const STEP = 16;

/**
 * Reads what was dropped.
 * @throws {DataError} when nothing of it can be used, or it does not fit the task; the message names file and rule.
 */
export async function readDroppedFiles(files: readonly DroppedFile[], reading: Reading): Promise<Read> {
  const useful = files.filter(({ path }) => !path.split('/').some((part) => part.startsWith('.')));
  const images = useful.find(({ path }) => IDX_IMAGES.test(path) && !/t10k|test/i.test(path));
  if (images !== undefined) return readIdxPair(images, useful, reading);
  const tables = useful.filter(({ path }) => TABLE.test(path));
  if (tables.length > 0) return readTables(tables, { ...reading, ignored: useful.length - tables.length });
  const pictures = useful.filter(({ path }) => PICTURE.test(path));
  if (pictures.length > 0) return readPictures(pictures, { ...reading, ignored: useful.length - pictures.length });
  const texts = useful.filter(({ path }) => TEXT.test(path) || !/\.[a-z0-9]{2,5}$/i.test(path));
  if (texts.length > 0) return readTexts(texts, { ...reading, ignored: useful.length - texts.length });
  throw new DataError(
    'data/unsupported-type',
    'none of these files can be read: drop pictures, a table (CSV), texts, or an IDX pair',
  );
}

const bytesOf = async ({ file }: DroppedFile): Promise<Uint8Array> => new Uint8Array(await file.arrayBuffer());

async function readIdxPair(images: DroppedFile, files: readonly DroppedFile[], { task }: Reading): Promise<Read> {
  const wanted = images.path.replace('images', 'labels').replace('idx3', 'idx1');
  const labels = files.find(({ path }) => path === wanted);
  if (labels === undefined) throw new DataError('data/labels-mismatch', `${wanted} is missing beside the images`);
  const dataset = datasetFromIdx(
    {
      images: readIdx(await bytesOf(images), { name: images.path }),
      labels: readIdx(await bytesOf(labels), { name: labels.path }),
    },
    { classes: task.outputs, name: images.path },
  );
  const names = Array.from({ length: task.outputs }, (_, i) => String(i));
  return { dataset, summary: summarize(dataset, { kind: 'idx', names, ignored: files.length - 2 }) };
}

type Counted = Reading & { readonly ignored: number };

async function readTables(files: readonly DroppedFile[], reading: Counted): Promise<Read> {
  const { task, label, ignored, onProgress } = reading;
  let columns: readonly string[] = [];
  const rows: (readonly (string | null)[])[] = [];
  for (const [i, { path, file }] of files.entries()) {
    const parser = createCsvParser({ separator: /\.tsv$/i.test(path) ? '\t' : ',' });
    for (const item of [...parser.push(await file.text()), ...parser.end()]) {
      if (item.kind === 'malformed') {
        throw new DataError('data/truncated', `${path}, line ${item.line}, ${item.column}: ${item.problem}`);
      }
      rows.push(item.cells);
    }
    if (i > 0 && parser.columns?.join() !== columns.join()) {
      throw new DataError('data/shape-mismatch', `${path} has other columns than ${files[0]?.path}`);
    }
    columns = parser.columns ?? [];
    onProgress(i + 1, files.length);
  }
  if (rows.length === 0) throw new DataError('data/truncated', 'the table has no rows');
  const labelAt = findLabelColumn(columns, label);
  const said = rows.map((row) => row[labelAt] ?? '');
  const textAt = columns.length === 2 ? 1 - labelAt : -1;
  const prose = textAt >= 0 && rows.some((row) => Number.isNaN(Number(row[textAt])));
  const common = { kind: 'table', ignored, columns, label: columns[labelAt] ?? null } as const;
  if (prose) {
    const texts = rows.map((row) => row[textAt] ?? '');
    return fromTexts(texts, said, reading, common);
  }
  const dataset = datasetFromRows({ columns, rows }, { ...optionsOf(task), ...(label === undefined ? {} : { label }) });
  const names = task.classifies ? numberLabels(said, { classes: task.outputs }).names : [];
  const lines = rows.slice(0, LINES).map((row, i) => ({
    text: row.filter((_, c) => c !== labelAt).join(', '),
    label: said[i] as string,
  }));
  return { dataset, summary: { ...summarize(dataset, { ...common, names }), lines } };
}

function optionsOf({ inputShape, outputs, classifies }: TaskView): { inputShape: readonly number[]; classes: number } {
  return { inputShape, classes: classifies ? outputs : 0 };
}

/** The label of every file, all or none. */
function labelsOf(files: readonly DroppedFile[]): string[] {
  return files.map(({ path }) => {
    const label = labelOfPath(path);
    if (label === undefined) {
      throw new DataError(
        'data/labels-mismatch',
        `${path} does not say what it shows: put it into a folder named by its class, or begin its name with the number`,
      );
    }
    return label;
  });
}

async function readPictures(files: readonly DroppedFile[], reading: Counted): Promise<Read> {
  const { task, invert = false, ignored, onProgress } = reading;
  const format = pixelFormatOf(task.inputShape);
  if (format === undefined) {
    throw new DataError('data/shape-mismatch', `the task takes ${task.inputShape.join(' × ')} numbers, not pictures`);
  }
  const { height, width, channels } = format;
  const said = labelsOf(files);
  const { labels, names } = numberLabels(said, { classes: task.outputs });
  const size = height * width * channels;
  const inputs = new Uint8Array(files.length * size);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) throw new DataError('data/unsupported-type', 'this browser cannot read pictures in a worker');
  for (const [i, { path, file }] of files.entries()) {
    const bitmap = await createImageBitmap(file, {
      resizeWidth: width,
      resizeHeight: height,
      resizeQuality: 'high',
    }).catch((cause: unknown) => {
      throw new DataError('data/unsupported-type', `${path} is not a picture this browser can read`, { cause });
    });
    context.clearRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    const { data } = context.getImageData(0, 0, width, height);
    pixelsInto(data, { ...format, invert }, inputs.subarray(i * size, (i + 1) * size));
    if (i % STEP === STEP - 1 || i === files.length - 1) onProgress(i + 1, files.length);
  }
  const dataset = createDataset({
    inputs,
    inputShape: task.inputShape,
    labels,
    inputScale: 1 / 255,
    classes: task.outputs,
  });
  return { dataset, summary: summarize(dataset, { kind: 'images', names, ignored }) };
}

async function readTexts(files: readonly DroppedFile[], reading: Counted): Promise<Read> {
  const said = labelsOf(files);
  const texts: string[] = [];
  for (const [i, { file }] of files.entries()) {
    texts.push(await file.text());
    if (i % STEP === STEP - 1 || i === files.length - 1) reading.onProgress(i + 1, files.length);
  }
  return fromTexts(texts, said, reading, { kind: 'texts', ignored: reading.ignored });
}

function fromTexts(
  texts: readonly string[],
  said: readonly string[],
  { task }: Reading,
  common: Pick<DataSummary, 'kind' | 'ignored'> & Partial<DataSummary>,
): Read {
  const [width] = task.inputShape;
  if (width === undefined || task.inputShape.length !== 1) {
    throw new DataError('data/shape-mismatch', `the task takes ${task.inputShape.join(' × ')} numbers, not texts`);
  }
  const { labels, names } = numberLabels(said, { classes: task.outputs });
  const inputs = new Float32Array(texts.length * width);
  for (const [i, text] of texts.entries()) {
    const row =
      task.tokens === null ? encodeBagOfWords(text, { width }) : encodeTokens(text, { length: width, ...task.tokens });
    inputs.set(row, i * width);
  }
  const dataset = createDataset({ inputs, inputShape: task.inputShape, labels, classes: task.outputs });
  const lines = texts.slice(0, LINES).map((text, i) => ({ text: text.slice(0, 120), label: said[i] as string }));
  return { dataset, summary: { ...summarize(dataset, { ...common, names }), lines } };
}

function summarize(
  dataset: Dataset,
  {
    kind,
    names,
    ignored,
    columns = [],
    label = null,
  }: Pick<DataSummary, 'kind' | 'ignored'> & Partial<DataSummary> & { names: readonly string[] },
): DataSummary {
  const counts = names.map(() => 0);
  if (names.length > 0) for (const at of dataset.labels) counts[at] = (counts[at] ?? 0) + 1;
  const { inputs, inputWidth } = dataset;
  const previews =
    inputs instanceof Uint8Array
      ? Array.from({ length: Math.min(PREVIEWS, dataset.size) }, (_, i) => {
          // Spread over the data, so that more than the first class is seen.
          const row = Math.floor((i * dataset.size) / Math.min(PREVIEWS, dataset.size));
          return {
            pixels: inputs.slice(row * inputWidth, (row + 1) * inputWidth),
            label: names[dataset.labels[row] as number] ?? '',
          };
        })
      : [];
  return {
    kind,
    size: dataset.size,
    classes: names.map((name, i) => ({ name, count: counts[i] as number })),
    ignored,
    columns,
    label,
    previews,
    lines: [],
  };
}
