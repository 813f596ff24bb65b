/**
 * The worker of a parallel engine: an engine of its own, with its own ordinary memory, that adds up the shards it is sent.
 *
 * @module
 */

import { serveRequests, type Served } from '../../foundations/kernels/index.ts';
import { createDataset, type Dataset } from '../data/index.ts';
import type { Block } from './blocks.ts';
import { createEngine, type Engine, type GradientSession } from './engine.ts';
import type { EngineAnswer, EngineRequest, PickedRows } from './engine-protocol.ts';
import { compilePlan } from './plan.ts';
import { createFeatureExtractor, type FeatureExtractor } from './scattering.ts';

interface State {
  readonly engine: Engine;
  readonly session: GradientSession;
  readonly parameters: Float32Array | undefined;
  readonly sum: Float64Array | undefined;
}

let state: State | undefined;
/** The data sets in shared memory, by their places. */
const common: Dataset[] = [];

/** The data set that rows are of, and their numbers in it. */
function rowsOf(picked: PickedRows): { dataset: Dataset; rows: Uint32Array } {
  if (!('place' in picked)) {
    const dataset = createDataset(picked);
    return { dataset, rows: Uint32Array.from({ length: dataset.size }, (_, i) => i) };
  }
  const dataset = common[picked.place];
  if (dataset === undefined) throw new TypeError('the worker has no such data set');
  return { dataset, rows: picked.rows };
}

function blocksOf(counts: Uint32Array): Block[] {
  let end = 0;
  return Array.from(counts, (count) => {
    end += count;
    return { from: end - count, count };
  });
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

/** Parameters that came with a request, or those in shared memory. */
function parametersOf(request: { parameters: Float32Array | undefined }, { parameters }: State): Float32Array {
  const found = request.parameters ?? parameters;
  if (found === undefined) throw new TypeError('the worker has no parameters');
  return found;
}

function answer(request: EngineRequest): Served<EngineAnswer> {
  if (request.kind === 'open') {
    open(request);
    return { answer: { kind: 'ready' } };
  }
  if (request.kind === 'share') {
    common[request.place] = createDataset(request.fields);
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
  if (request.kind === 'sum') {
    const { begin, shard, end } = request;
    if (begin !== undefined) session.begin({ parameters: parametersOf(request, state), ...begin });
    session.add({ ...rowsOf(shard.picked), identities: shard.identities, blocks: blocksOf(shard.counts) });
    if (!end) return { answer: { kind: 'sum', nonFinite: 0, finite: true, sum: undefined } };
    const { sum, nonFinite, finite } = session.end(state.sum);
    const after = (): void => session.clear();
    if (state.sum !== undefined) return { answer: { kind: 'sum', nonFinite, finite, sum: undefined }, after };
    return { answer: { kind: 'sum', nonFinite, finite, sum }, transfer: [sum.buffer as ArrayBuffer], after };
  }
  const parameters = parametersOf(request, state);
  const { dataset, rows: indices } = rowsOf(request.picked);
  if (request.kind === 'evaluate') {
    const [score = { loss: 0, correct: 0 }] = engine.scores({ parameters, dataset, indices });
    return { answer: { kind: 'score', ...score } };
  }
  const outputs = engine.predict({ parameters, dataset, indices });
  return { answer: { kind: 'outputs', outputs }, transfer: [outputs.buffer as ArrayBuffer] };
}

serveRequests<EngineRequest, EngineAnswer>(answer);
