/**
 * The worker of a parallel engine: an engine of its own, with its own ordinary memory, that adds up the shards it is sent.
 *
 * @module
 */

import { serveRequests, type Served } from '../../foundations/kernels/index.ts';
import { createDataset, type Dataset } from '../data/index.ts';
import { createEngine, type Engine, type GradientSession } from './engine.ts';
import type { EngineAnswer, EngineRequest, Shard } from './engine-protocol.ts';
import { compilePlan } from './plan.ts';
import { createFeatureExtractor, type FeatureExtractor } from './scattering.ts';

interface State {
  readonly engine: Engine;
  readonly session: GradientSession;
  readonly parameters: Float32Array | undefined;
  readonly sum: Float64Array | undefined;
}

let state: State | undefined;
/** The data set in shared memory. */
let common: Dataset | undefined;

/** The rows of a shard and the data set they are rows of. */
function rowsOf({ rows, identities }: Shard): { dataset: Dataset; rows: Uint32Array } {
  if (!(rows instanceof Uint32Array)) {
    return { dataset: createDataset(rows), rows: Uint32Array.from(identities, (_, i) => i) };
  }
  if (common === undefined) throw new TypeError('the worker has no shared data set');
  return { dataset: common, rows };
}

let extractor: { readonly key: string; readonly made: FeatureExtractor } | undefined;

/** The extractor of a configuration, kept for the next piece. */
function extractorOf({ config, fields }: Extract<EngineRequest, { kind: 'features' }>): FeatureExtractor {
  const key = JSON.stringify([config, fields.inputShape]);
  if (extractor?.key !== key) extractor = { key, made: createFeatureExtractor(config, fields.inputShape) };
  return extractor.made;
}

function open(request: Extract<EngineRequest, { kind: 'open' }>): void {
  const { model, frozen, augmentation, shared } = request;
  const engine = createEngine(compilePlan(model), { frozen, augmentation });
  state = {
    engine,
    session: engine.createSession(),
    parameters: shared === undefined ? undefined : new Float32Array(shared.parameters),
    sum: shared === undefined ? undefined : new Float64Array(shared.sum),
  };
}

function answer(request: EngineRequest): Served<EngineAnswer> {
  if (request.kind === 'open') {
    open(request);
    return { answer: { kind: 'ready' } };
  }
  if (request.kind === 'share') {
    common = createDataset(request.fields);
    return { answer: { kind: 'ready' } };
  }
  if (request.kind === 'features') {
    const images = createDataset(request.fields);
    const { inputs, inputShape, labels, inputScale, inputOffset } = extractorOf(request).extract(images);
    const fields = { inputs, inputShape, labels, inputScale, inputOffset };
    return { answer: { kind: 'features', fields }, transfer: [inputs.buffer as ArrayBuffer] };
  }
  if (state === undefined) throw new TypeError('the worker was not opened');
  const { engine, session } = state;
  const parameters = request.parameters ?? state.parameters;
  if (parameters === undefined) throw new TypeError('the worker has no parameters');
  if (request.kind === 'sum') {
    const { begin, shard, end } = request;
    if (begin !== undefined) session.begin({ parameters, ...begin });
    session.add({ ...rowsOf(shard), identities: shard.identities, blocks: shard.blocks });
    if (!end) return { answer: { kind: 'sum', nonFinite: 0, finite: true, sum: undefined } };
    const { sum, nonFinite, finite } = session.end(state.sum);
    const after = (): void => session.clear();
    if (state.sum !== undefined) return { answer: { kind: 'sum', nonFinite, finite, sum: undefined }, after };
    return { answer: { kind: 'sum', nonFinite, finite, sum }, transfer: [sum.buffer as ArrayBuffer], after };
  }
  const dataset = createDataset(request.fields);
  if (request.kind === 'evaluate') {
    const [score = { loss: 0, correct: 0 }] = engine.scores({ parameters, dataset });
    return { answer: { kind: 'score', ...score } };
  }
  const outputs = engine.predict({ parameters, dataset });
  return { answer: { kind: 'outputs', outputs }, transfer: [outputs.buffer as ArrayBuffer] };
}

serveRequests<EngineRequest, EngineAnswer>(answer);
