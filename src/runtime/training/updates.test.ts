import { describe, expect, it } from 'vitest';

import {
  addCoordinatorNoiseInto,
  createContributionEncoder,
  createCoordinatorRound,
  createParticipantRounds,
  type RoundEffect,
  type RoundResult,
} from '../../federation/rounds/index.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import { createDataset, type Dataset } from '../../learning/data/index.ts';
import { createEngine, decodeSafetensors } from '../../learning/models/index.ts';
import { parseTaskFile } from '../task/index.ts';
import { createContributor, createModelState, planRun } from './index.ts';

const PARTICIPANTS = 6;
const WIDTH = 4;

/** Examples of two classes on both sides of a plane. */
function examples(seed: string, count: number): Dataset {
  const rng = createSeededRng(seed);
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 2);
  const inputs = new Uint8Array(count * WIDTH);
  for (let i = 0; i < inputs.length; i += 1) {
    const sign = (labels[Math.floor(i / WIDTH)] as number) === i % 2 ? 1 : -1;
    inputs[i] = 128 + sign * 60 + (rng.uint32() % 50) - 25;
  }
  return createDataset({
    inputs,
    inputShape: [1, WIDTH, 1],
    labels,
    inputScale: 1 / 64,
    inputOffset: -2,
    classes: 2,
  } as never);
}

const flip = ({ labels }: Dataset): Uint8Array => Uint8Array.from(labels, (label) => 1 - label);

const ids = Array.from({ length: PARTICIPANTS }, (_, i) => `p${i}`);
const off = 'trust: off\n  aggregation: { kind: clear }';

const LAYERS = '[{ kind: flatten }, { kind: dense, out: 2, init: zeros }]';

function task(privacy: string, training: string, layers = LAYERS): string {
  return `task: tiny
participants: ${PARTICIPANTS}
data: { kind: idx, folder: x, test: public }
partition: { kind: iid }
model:
  layers: ${layers}
  loss: softmaxCrossEntropy
training:
  rounds: 4
  clipNorm: 1
  local: { epochs: 2, batchSize: 4, learningRate: 0.2 }
${training}
privacy:
  ${privacy}
`;
}

/** Runs every round of a task; who is in `lost` never answers. */
async function train(privacy: string, training = '', lost: readonly string[] = []) {
  const run = planRun(parseTaskFile(task(privacy, training), { path: 'tiny.yaml' }), { inputShape: [1, WIDTH, 1] });
  const { plan, layers, taskId } = run;
  const engine = createEngine(layers);
  const state = createModelState({ plan, layers, optimizer: undefined });
  const participants = ids.map((id) => ({
    id,
    contributor: createContributor({ id, plan, engine, dataset: examples(id, 12) }),
    rounds: createParticipantRounds({ id, taskId, plan, rng: ({ attempt }) => createSeededRng(`${id}/${attempt}`) }),
  }));
  let bytes = 0;
  while (state.round < plan.rounds) {
    const attempt = state.beginAttempt();
    const round = state.round + 1;
    const machine = createCoordinatorRound({ plan, taskId, round, attempt, cohort: ids, parameters: state.offered() });
    const queue: RoundEffect[] = machine.begin();
    let result: RoundResult | undefined;
    let stage = '';
    while (!machine.done || queue.length > 0) {
      const effect = queue.shift();
      if (effect === undefined) queue.push(...machine.timeout(stage));
      else if (effect.kind === 'timer') ({ stage } = effect);
      else if (effect.kind === 'finished') ({ result } = effect);
      else if (effect.kind === 'send' && !lost.includes(effect.to)) {
        const { contributor, rounds } = participants.find(
          ({ id }) => id === effect.to,
        ) as (typeof participants)[number];
        for (const reply of rounds.receive(effect.bytes)) {
          const rng = createSeededRng(`${effect.to}/data/${attempt}`);
          const sends =
            reply.kind === 'contribute'
              ? await rounds.contribute(contributor.contribute(reply.parameters, rng, reply.address))
              : [reply];
          for (const send of sends) {
            if (send.kind !== 'send') continue;
            bytes += send.bytes.length;
            queue.push(...machine.receive(effect.to, send.bytes));
          }
        }
      } else if (effect.kind !== 'send') throw new Error(JSON.stringify(effect));
    }
    if (result === undefined) throw new Error('the attempt was aborted');
    addCoordinatorNoiseInto(result.sum, plan, createSeededRng(`noise/${attempt}`));
    state.apply(result.sum, { attempt, contributors: result.contributors });
  }
  const { accuracy } = engine.evaluate({ parameters: state.parameters, dataset: examples('test', 100) });
  return { accuracy, bytes, state, run };
}

describe('rounds of updates, end to end', () => {
  it.each([
    ['FedAvg', ''],
    ['FedAvgM', '  strategy: { kind: fedAvgM, momentum: 0.5 }'],
    ['FedProx', '  strategy: { kind: fedProx, mu: 0.1 }'],
    ['FedAdam', '  strategy: { kind: fedAdam }'],
    ['FedYogi', '  strategy: { kind: fedYogi }'],
    ['FedAdagrad', '  strategy: { kind: fedAdagrad }'],
    ['SCAFFOLD', '  strategy: { kind: scaffold }'],
    ['an adaptive clip norm', '  adaptiveClip: { quantile: 0.5 }'],
    ['public weights', '  weights: { kind: public, of: { p0: 0.5 } }'],
    ['private weights', '  weights: { kind: private, maxExamples: 20 }'],
    ['quantization', '  compression: { kind: quantization, bits: 6 }'],
    ['top-k', '  compression: { kind: topK, share: 0.5 }'],
  ])('learn with %s', async (_, training) => {
    expect((await train(off, training)).accuracy).toBe(1);
  });

  it.each(['median', 'trimmedMean, trim: 1', 'krum, byzantine: 1', 'multiKrum, byzantine: 1, keep: 3', 'normBound'])(
    'learn with the rule %s',
    async (rule) => {
      expect((await train(`trust: off\n  aggregation: { kind: clear, combine: { kind: ${rule} } }`)).accuracy).toBe(1);
    },
  );

  it('learn with generous noise in every mode, whoever is lost', async () => {
    const budget = 'privacyUnit: client\n  epsilon: 100\n  delta: 1.0e-3';
    const modes = [
      `trust: nobody\n  aggregation: { kind: secagg, threshold: 4 }\n  ${budget}`,
      `trust: coordinator\n  aggregation: { kind: clear }\n  ${budget}`,
      `trust: coordinator\n  aggregation: { kind: secagg, threshold: 4 }\n  ${budget}`,
      'trust: local\n  privacyUnit: client\n  aggregation: { kind: clear }\n  epsilonPerRound: 200\n  deltaPerRound: 1.0e-3',
    ];
    for (const mode of modes) expect((await train(mode, '', ['p3'])).accuracy, mode).toBeGreaterThan(0.95);
  });

  it('send fewer bytes with fewer bits', async () => {
    const full = (await train(off)).bytes;
    expect((await train(off, '  compression: { kind: quantization, bits: 3 }')).bytes).toBeLessThan(full);
  });

  it.each([
    ['a head', 'head', 'fedAvg'],
    ['norms', 'norm', 'scaffold'],
  ])('keep %s of each participant out of offers, contributions, checkpoints and models', async (_, name, kind) => {
    const layers =
      '[{ kind: flatten }, { kind: dense, name: body, out: 4 }, { kind: layerNorm, name: norm }, ' +
      '{ kind: tanh }, { kind: dense, name: head, out: 2 }]';
    const text = task(off, `  personal: [${name}]\n  strategy: { kind: ${kind} }`, layers);
    const {
      plan,
      layers: whole,
      personal,
    } = planRun(parseTaskFile(text, { path: 'tiny.yaml' }), {
      inputShape: [1, WIDTH, 1],
    });
    const own = name === 'head' ? 4 * 2 + 2 : 2 * 4;
    expect(plan.dimension).toBe(whole.parameterCount - own);
    const engine = createEngine(whole);
    const state = createModelState({ plan, layers: whole, personal, optimizer: undefined });
    // The second one calls everything by the other name: no head, and no shared model, serves both.
    const datasets = [examples('p0', 40), createDataset({ ...examples('p1', 40), labels: flip(examples('p1', 40)) })];
    const contributors = datasets.map((dataset, i) =>
      createContributor({ id: `p${i}`, plan, engine, dataset, personal }),
    );
    for (let attempt = state.beginAttempt(); attempt <= 40; attempt = state.beginAttempt()) {
      const offered = state.offered();
      expect(offered).toHaveLength(plan.offered);
      const sum = new Float64Array(plan.entries);
      for (const contributor of contributors) {
        const sent = contributor.contribute(offered, createSeededRng(`${attempt}`), { attempt });
        expect(sent).toHaveLength(plan.entries);
        for (let i = 0; i < sum.length; i += 1) sum[i] = (sum[i] as number) + (sent[i] as number);
      }
      state.apply(sum, { attempt, contributors: ['p0', 'p1'] });
    }
    if (name === 'head') {
      for (const [i, contributor] of contributors.entries()) {
        const parameters = contributor.ownModel(state.parameters);
        expect(engine.evaluate({ parameters, dataset: datasets[i] as Dataset }).accuracy).toBeGreaterThan(0.95);
      }
    }
    expect(state.parameters).toHaveLength(plan.dimension);
    const { tensors } = decodeSafetensors(state.export({}));
    expect([...tensors.keys()].some((tensor) => tensor.startsWith(`${name}.`))).toBe(false);
    expect([...tensors.keys()].some((tensor) => tensor.startsWith('body.'))).toBe(true);
    const stored = decodeSafetensors(state.checkpoint()).tensors;
    expect(stored.get('parameters')?.shape).toEqual([plan.dimension]);
    // What a coordinator evaluates has these layers as they are for everybody at the start.
    expect(personal?.keep(personal.complete(state.parameters))).toEqual(personal?.start());
  });

  it('refuse personal layers that are not there, or leave nothing to share', () => {
    const planOf = (personal: string) => (): unknown =>
      planRun(parseTaskFile(task(off, `  personal: [${personal}]`), { path: 'tiny.yaml' }), {
        inputShape: [1, WIDTH, 1],
      });
    expect(planOf('nose')).toThrow(/no trained layer is called "nose"/);
    expect(planOf('dense1')).toThrow(/none is shared/);
  });

  it('go on from a checkpoint with the strategy’s memory, and offer it', async () => {
    const { state, run } = await train(off, '  strategy: { kind: scaffold }\n  adaptiveClip: {}');
    const again = createModelState({
      plan: run.plan,
      layers: run.layers,
      optimizer: undefined,
      checkpoint: state.checkpoint(),
    });
    expect(again.offered()).toEqual(state.offered());
    expect(again.offered()).toHaveLength(2 * 10 + 1);
    expect(
      again
        .offered()
        .slice(10, 20)
        .some((value) => value !== 0),
    ).toBe(true);
    expect(again.offered().at(-1)).not.toBe(1);
  });

  it.each([
    ['a private draw', 'private-draw', 'coordinator', '{ kind: clear }', 2],
    ['secret coins', 'secret-coin', 'nobody', '{ kind: secagg, threshold: 5 }', PARTICIPANTS],
  ])('move controls by those that %s is expected to draw, whoever it drew', (_, kind, trust, aggregation, drawn) => {
    const privacy = `privacyUnit: client
  trust: ${trust}
  aggregation: ${aggregation}
  epsilon: 3
  delta: 1.0e-5
  participation: { kind: ${kind}, rate: 0.5 }`;
    const text = task(privacy, '  strategy: { kind: scaffold }\n  adaptiveClip: {}');
    const { plan, layers } = planRun(parseTaskFile(text, { path: 'tiny.yaml' }), { inputShape: [1, WIDTH, 1] });
    const { update, dimension } = plan;
    if (update === undefined) throw new TypeError('no updates');
    const sum = Float64Array.from({ length: plan.entries }, (__, i) => (i % 5) * plan.quantizationScale);
    const state = createModelState({ plan, layers, optimizer: undefined });
    state.apply(sum, { attempt: 1, contributors: ids.slice(0, drawn) });
    const decoded = createContributionEncoder({ ...plan, update }, { attempt: 1 }).decode(sum);
    // The mean of half of everybody counts for half of all controls: their sum ÷ everybody.
    const expected = decoded.slice(dimension, 2 * dimension).map((value) => value / PARTICIPANTS);
    expect(state.offered().slice(dimension, 2 * dimension)).toEqual(Float32Array.from(expected));
  });
});
