import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { createSeededRng } from '../../foundations/random/index.ts';
import { createEngine, decodeSafetensors, tensorToFloat32 } from '../../learning/models/index.ts';
import { createLedgerFile, createRunFolder, loadTaskData, openRunFolder } from '../storage/index.ts';
import { openLedger } from '../../privacy/accounting/index.ts';
import { parseTrainingFile, type TaskError } from '../task/index.ts';
import { decodeModel, type StepsReport, trainTask } from './index.ts';

const base = mkdtempSync(join(tmpdir(), 'sotto-train-'));
const data = join(base, 'data');

/** An IDX file of bytes. */
function idx(shape: readonly number[], bytes: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * shape.length));
  header.setUint32(0, 0x0800 + shape.length);
  for (const [i, extent] of shape.entries()) header.setUint32(4 + 4 * i, extent);
  return Buffer.concat([new Uint8Array(header.buffer), bytes]);
}

/** Pictures of 16 × 16 whose class is the place of a bright square, with random ink everywhere. */
function writePart(name: string, size: number): void {
  const rng = createSeededRng(`pictures/${name}`);
  const images = rng.bytes(size * 256).map((byte) => byte >> 2);
  const labels = new Uint8Array(size);
  for (let i = 0; i < size; i += 1) {
    const label = rng.uint32() % 4;
    labels[i] = label;
    for (let r = 0; r < 6; r += 1) {
      const row = 1 + r + 8 * (label >> 1);
      images.fill(230, i * 256 + row * 16 + 1 + 8 * (label & 1), i * 256 + row * 16 + 7 + 8 * (label & 1));
    }
  }
  writeFileSync(join(data, `${name}-images-idx3-ubyte`), idx([size, 16, 16], images));
  writeFileSync(join(data, `${name}-labels-idx1-ubyte`), idx([size], labels));
}

beforeAll(() => {
  rmSync(data, { recursive: true, force: true });
  createRunFolder(data).close();
  writePart('train', 600);
  writePart('t10k', 100);
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

type Section = Readonly<Record<string, unknown>>;

function textOf({ training = {}, privacy = {}, model = {}, features }: Readonly<Record<string, Section>> = {}): string {
  return stringify({
    task: 'squares',
    data: { kind: 'idx', folder: data, test: 'public' },
    ...(features === undefined ? {} : { features }),
    model: {
      layers: [
        { kind: 'flatten' },
        { kind: 'dense', out: 8, name: 'body' },
        { kind: 'tanh' },
        { kind: 'dense', out: 10, name: 'head' },
      ],
      loss: 'softmaxCrossEntropy',
      ...model,
    },
    training: {
      rounds: 24,
      samplingRate: 0.2,
      clipNorm: 1,
      expectedBatchSize: 120,
      optimizer: { kind: 'momentum', learningRate: 0.5 },
      evaluateEvery: 4,
      ...training,
    },
    privacy: { privacyUnit: 'example', trust: 'coordinator', epsilon: 8, delta: 1e-4, accountant: 'pld', ...privacy },
  });
}

const parse = (text: string) => parseTrainingFile(text, { path: 'squares.yaml' });
const never = new AbortController().signal;
let runs = 0;

async function train(
  text: string,
  { resume, signal = never, formats = [], onReport }: Partial<Options> = {},
): Promise<{ summary: Awaited<ReturnType<typeof trainTask>>; out: string; reports: StepsReport[] }> {
  runs += 1;
  const out = resume ?? join(base, `run-${runs}`);
  const reports: StepsReport[] = [];
  const summary = await trainTask({
    task: parse(text),
    baseFolder: base,
    folder: () => (resume === undefined ? createRunFolder(out) : openRunFolder(out)),
    resolved: text,
    workers: 1,
    formats,
    signal,
    events: {
      onReport(report) {
        reports.push(report);
        onReport?.(report);
      },
    },
  });
  return { summary, out, reports };
}
interface Options {
  resume: string;
  signal: AbortSignal;
  formats: readonly 'onnx'[];
  onReport: (report: StepsReport) => void;
}

async function chargesOf(out: string): Promise<{ purposes: string[]; epsilon: number }> {
  const ledger = await openLedger({ store: createLedgerFile(join(out, 'ledger.jsonl')), clock: () => new Date() });
  const { charges } = await ledger.verify();
  return { purposes: [...new Set(charges.map(({ purpose }) => purpose))], epsilon: ledger.spent().epsilon };
}

describe('training by one party', () => {
  it('learns within its budget, with everything in use, and its ledger says the same as its summary', async () => {
    const { summary, out, reports } = await train(
      textOf({
        training: {
          schedule: { kind: 'cosine', warmupSteps: 2 },
          averaging: { decay: 0.9 },
          accumulationSteps: 3,
          augmentation: { views: 2, shift: 1 },
        },
      }),
    );
    expect(summary.accuracy).toBeGreaterThan(0.8);
    expect(summary).toMatchObject({ ended: 'rounds-done', rounds: 24, accountant: 'pld', noise: 'independent' });
    expect(summary.epsilon).toBeLessThanOrEqual(8);
    expect(summary.epsilon).toBeGreaterThan(7.9);
    expect(await chargesOf(out)).toEqual({ purposes: ['training'], epsilon: summary.epsilon });
    expect(reports.map(({ round }) => round)).toEqual([4, 8, 12, 16, 20, 24]);
  });

  it('stopped, goes on from its checkpoint; the same checkpoint never gives the same noise twice', async () => {
    const text = textOf();
    const stop = new AbortController();
    const first = await train(text, { signal: stop.signal, onReport: () => stop.abort() });
    expect(first.summary).toMatchObject({ ended: 'stopped', rounds: 4 });
    const twin = join(base, 'twin');
    cpSync(first.out, twin, { recursive: true });
    const one = await train(text, { resume: first.out });
    const two = await train(text, { resume: twin });
    for (const { summary, out } of [one, two]) {
      expect(summary).toMatchObject({ ended: 'rounds-done', rounds: 24 });
      expect(summary.epsilon).toBeLessThanOrEqual(8);
      expect((await chargesOf(out)).epsilon).toBe(summary.epsilon);
    }
    expect(one.summary.model.sha256).not.toBe(two.summary.model.sha256);
    await expect(train(textOf({ training: { clipNorm: 2 } }), { resume: one.out })).rejects.toMatchObject({
      code: 'task/checkpoint',
    });
  });

  it('keeps what an interruption lost charged, and stops when the budget is spent', async () => {
    const text = textOf();
    const stop = new AbortController();
    const { out } = await train(text, { signal: stop.signal, onReport: ({ round }) => round === 8 && stop.abort() });
    // As if the last four steps had never reached the disk: their charge has.
    const early = join(base, 'early');
    const halted = new AbortController();
    const before = await train(text, { signal: halted.signal, onReport: () => halted.abort() });
    cpSync(join(before.out, 'checkpoint.safetensors'), join(out, 'checkpoint.safetensors'));
    cpSync(out, early, { recursive: true });
    const { summary } = await train(text, { resume: early });
    expect(summary).toMatchObject({ ended: 'budget-spent', rounds: 20 });
    expect(summary.epsilon).toBeLessThanOrEqual(8);
  });

  it('with correlated noise is charged whole and cannot be taken up again', async () => {
    const training = {
      rounds: 20,
      samplingRate: 0.2,
      noise: { kind: 'matrix', strategy: 'banded', groups: 4, bands: 4 },
    };
    const text = textOf({ training, privacy: { accountant: 'rdp' } });
    const { summary, out } = await train(text);
    expect(summary).toMatchObject({ ended: 'rounds-done', noise: 'banded' });
    expect(summary.accuracy).toBeGreaterThan(0.5);
    expect(summary.epsilon).toBeLessThanOrEqual(8);
    await expect(train(text, { resume: out })).rejects.toThrow(/correlated noise cannot be taken up again/);
    const buffered = { ...training, noise: { kind: 'matrix', strategy: 'buffered', groups: 5 } };
    const other = await train(textOf({ training: buffered, privacy: { accountant: 'rdp' } }));
    expect(other.summary.epsilon).toBeLessThanOrEqual(8);
  });

  it('stops early by a rule that is charged before the first step', async () => {
    const earlyStop = { accuracyAbove: 0.4, epsilon: 2, holdout: 0.25, every: 4 };
    const { summary, out } = await train(textOf({ training: { rounds: 60, earlyStop } }));
    expect(summary.ended).toBe('early-stop');
    expect(summary.rounds).toBeLessThan(60);
    expect((await chargesOf(out)).purposes).toEqual(['early-stop', 'training']);
    expect(summary.epsilon).toBeLessThanOrEqual(8);
  });

  it('charges the normalization it computes from the data', async () => {
    const normalization = { kind: 'private', noiseMultiplier: 8, expectedSize: 600 };
    const { summary, out } = await train(
      textOf({ training: { rounds: 8 }, features: { kind: 'scattering', normalization } }),
    );
    expect((await chargesOf(out)).purposes).toEqual(['normalization', 'training']);
    expect(summary.epsilon).toBeLessThanOrEqual(8);
    expect(JSON.parse(readFileSync(join(out, 'normalization.json'), 'utf8')).mean).toHaveLength(81);
  });

  it('takes a step on an empty sample: noise alone', async () => {
    const { summary } = await train(
      textOf({ training: { rounds: 2, samplingRate: 1e-9, expectedBatchSize: 1 }, privacy: { accountant: 'rdp' } }),
    );
    expect(summary.rounds).toBe(2);
  });
});

describe('model files', () => {
  it('carry the model: ONNX answers as the engine does, and either format starts another run', async () => {
    const { out } = await train(textOf({ training: { rounds: 12 } }), { formats: ['onnx'] });
    const test = loadTaskData({ folder: data }, { part: 'test', baseFolder: base });
    const stored = decodeModel(readFileSync(join(out, 'model.safetensors')), 'model.safetensors');
    const ours = createEngine(stored.plan, { frozen: stored.frozen }).predict({ ...stored, dataset: test });
    const runtime = await import('onnxruntime-web');
    const session = await runtime.InferenceSession.create(readFileSync(join(out, 'model.onnx')));
    const inputs = Float32Array.from(test.inputs, (byte) => byte * test.inputScale);
    const feeds = {
      [session.inputNames[0] as string]: new runtime.Tensor('float32', inputs, [test.size, ...test.inputShape]),
    };
    const theirs = (await session.run(feeds))[session.outputNames[0] as string]?.data as Float32Array;
    expect(theirs).toHaveLength(ours.length);
    expect(Math.max(...theirs.map((value, i) => Math.abs(value - (ours[i] as number))))).toBeLessThan(1e-4);
    for (const file of ['model.onnx', 'model.safetensors']) {
      const model = { start: join(out, file), freeze: 3 };
      const tuned = await train(textOf({ model, training: { rounds: 4 } }));
      const { tensors } = decodeSafetensors(readFileSync(join(tuned.out, 'model.safetensors')));
      const before = decodeSafetensors(readFileSync(join(out, 'model.safetensors'))).tensors;
      const values = (of: typeof tensors, name: string) => tensorToFloat32(of.get(name) as never);
      expect(values(tensors, 'body.weight')).toEqual(values(before, 'body.weight'));
      expect(values(tensors, 'head.weight')).not.toEqual(values(before, 'head.weight'));
    }
  });

  it('start adapters: the dense layer stays as the file has it, the low-rank part is trained', async () => {
    const { out } = await train(textOf({ training: { rounds: 4 } }));
    const layers = [
      { kind: 'flatten' },
      { kind: 'dense', out: 8, name: 'body', lora: { rank: 2 } },
      { kind: 'tanh' },
      { kind: 'dense', out: 10, name: 'head' },
    ];
    const model = { layers, start: join(out, 'model.safetensors') };
    const tuned = await train(textOf({ model, training: { rounds: 4 } }));
    expect(tuned.summary.model.parameters).toBe(2 * (256 + 8) + 90);
  });

  it('that do not fit are refused before anything is made', async () => {
    const { out } = await train(textOf({ training: { rounds: 2 } }));
    const start = join(out, 'model.safetensors');
    const layers = [{ kind: 'flatten' }, { kind: 'dense', out: 10, name: 'body' }];
    await expect(train(textOf({ model: { layers, start } }))).rejects.toThrow(/of shape \[256, 8\], the model wants/);
    const frozen = [{ kind: 'flatten' }, { kind: 'dense', out: 8, name: 'other' }, { kind: 'dense', out: 10 }];
    await expect(train(textOf({ model: { layers: frozen, start, freeze: 2 } }))).rejects.toThrow(
      /which the model freezes/,
    );
    writeFileSync(join(base, 'huge.safetensors'), new Uint8Array(new BigUint64Array([200_000_000n]).buffer));
    await expect(train(textOf({ model: { start: join(base, 'huge.safetensors') } }))).rejects.toMatchObject({
      code: 'models/file-header',
    });
  });

  it('of the user’s own turn examples into features', async () => {
    const { out } = await train(textOf({ training: { rounds: 4 } }), { formats: ['onnx'] });
    const features = { kind: 'onnx', file: join(out, 'model.onnx'), channelsFirst: false, maxNorm: 10 };
    const model = { layers: [{ kind: 'dense', out: 10 }] };
    const { summary } = await train(textOf({ features, model, training: { rounds: 4 } }));
    expect(summary.model.parameters).toBe(110);
  });
});

describe('the task file of one party', () => {
  const problems = (text: string): string => {
    try {
      parse(text);
    } catch (error) {
      return (error as TaskError).message;
    }
    return '';
  };
  const matrix = (noise: Section, more: Section = {}): string =>
    problems(textOf({ training: { noise: { kind: 'matrix', ...noise }, ...more }, privacy: { accountant: 'rdp' } }));

  it('refuses correlated noise wherever it gives no guarantee', () => {
    expect(matrix({ strategy: 'banded', groups: 4, bands: 5 })).toMatch(/bands must be at most groups/);
    expect(matrix({ strategy: 'banded', groups: 4 })).toMatch(/bands must be given with strategy banded/);
    expect(matrix({ strategy: 'toeplitz', groups: 6 })).toMatch(/samplingRate must be at most 1 ÷ groups/);
    expect(matrix({ strategy: 'toeplitz', groups: 4 }, { spareRounds: 1 })).toMatch(/cannot be resumed/);
    expect(matrix({ strategy: 'toeplitz', groups: 4 }, { accumulationSteps: 2 })).toMatch(/must be 1/);
    expect(matrix({ strategy: 'buffered', groups: 4 })).toBe('');
    const tight = textOf({ training: { noise: { kind: 'matrix', strategy: 'toeplitz', groups: 4 } } });
    expect(problems(tight)).toMatch(/accountant must be rdp/);
    const off = textOf({ training: { noise: { kind: 'matrix', strategy: 'toeplitz', groups: 4 } } }).replace(
      /privacy:[^]*/,
      'privacy: { trust: off }\n',
    );
    expect(problems(off)).toMatch(/there is no noise/);
  });

  it('refuses unknown keys by name, and layers that mix examples with the reason', () => {
    expect(problems(textOf({ training: { scedule: {} } }))).toMatch(/training\.scedule is not a known key.*schedule\?/);
    expect(problems(textOf({ model: { layers: [{ kind: 'batchNorm' }] } }))).toMatch(/mixes examples/);
    expect(problems(textOf({ privacy: { privacyUnit: 'client' } }))).toMatch(/must be example/);
  });

  it('refuses features, views and models that do not fit the examples, before anything is charged', async () => {
    const refused = async (text: string, code: string, pattern: RegExp): Promise<void> => {
      const made = runs + 1;
      await expect(train(text)).rejects.toMatchObject({ code, message: expect.stringMatching(pattern) });
      expect(existsSync(join(base, `run-${made}`))).toBe(false);
    };
    const scattering = (more: Section): string => textOf({ features: { kind: 'scattering', ...more } });
    await refused(scattering({ crop: 2 }), 'task/file', /features do not fit examples of 16 × 16 × 1: "crop"/);
    await refused(
      scattering({ normalization: { kind: 'standardize', mean: [0], stddev: [1] } }),
      'task/file',
      /"mean" must have 81 entries/,
    );
    const flat = { layers: [{ kind: 'dense', out: 10 }], input: [256] };
    const moved = textOf({ model: flat, training: { augmentation: { views: 2, shift: 1 } } });
    await refused(moved, 'models/shape-mismatch', /views move images/);
    await refused(textOf({ model: { freeze: 5 } }), 'task/file', /model.freeze must be at most the 4 layers/);
    await refused(textOf({ model: { freeze: 4 } }), 'models/shape-mismatch', /no parameter to train/);
    const few = textOf({ model: { layers: [{ kind: 'dense', out: 3 }] } });
    await refused(few, 'models/label-out-of-range', /must be an integer in \[0, 2\], got 3/);
    const wide = textOf({
      model: {
        layers: [
          { kind: 'dense', out: 2 ** 23 },
          { kind: 'dense', out: 10 },
        ],
      },
    });
    await refused(wide, 'models/too-large', /more than the 4 GiB of an engine hold/);
    const { out } = await train(textOf({ training: { rounds: 2 } }), { formats: ['onnx'] });
    const file = join(out, 'model.onnx');
    const head = { layers: [{ kind: 'dense', out: 10 }] };
    await refused(
      textOf({ features: { kind: 'onnx', file }, model: head }),
      'task/data',
      /features.file does not take/,
    );
    const named = { kind: 'onnx', file, channelsFirst: false, output: 'none' };
    await refused(textOf({ features: named, model: head }), 'task/data', /"output" must be one of output, got none/);
  });

  it('refuses a budget that no noise meets', async () => {
    const earlyStop = { accuracyAbove: 0.9, epsilon: 9, holdout: 0.1, every: 4 };
    await expect(train(textOf({ training: { earlyStop }, privacy: { accountant: 'rdp' } }))).rejects.toMatchObject({
      code: 'rounds/impossible-plan',
    });
  });
});
