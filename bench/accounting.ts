/**
 * Times the accountants by CPU time: best of several in a warm process, and the first question of a fresh one. Writes
 * bench/results/accounting.json and fails when a target is missed.
 * Run: node --conditions=source bench/accounting.ts, on an otherwise idle machine.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import {
  calibrateNoiseMultiplier,
  createPldAccountant,
  createRdpAccountant,
  type DpEvent,
  distributedDiscreteGaussian,
  gaussian,
  poissonSampled,
  selfComposed,
} from '../src/privacy/accounting/index.ts';
import { describeMachine } from './machine.ts';

const REPETITIONS = 9;
const MNIST_RATE = 256 / 60_000;
const MNIST_STEPS = 14_062;

const mnist = (noiseMultiplier: number): DpEvent =>
  selfComposed(poissonSampled({ samplingRate: MNIST_RATE, event: gaussian({ noiseMultiplier }) }), MNIST_STEPS);

/** A distributed run as `npm start` charges it: 12 honest shares, 25,450 parameters, 220 rounds. */
const distributed = (noiseMultiplier: number): DpEvent =>
  selfComposed(
    poissonSampled({
      samplingRate: 0.05,
      event: distributedDiscreteGaussian({
        shares: 12,
        shareVariance: (noiseMultiplier * 1e4) ** 2 / 12,
        l2Sensitivity: 1e4 + 160,
        dimension: 25_450,
      }),
    }),
    220,
  );

interface Answer {
  readonly lower?: number;
  readonly value: number;
}

interface Task {
  readonly name: string;
  readonly target?: number;
  readonly run: () => Answer;
}

const target = { epsilon: 3, delta: 1e-5, relation: 'add-or-remove-one' } as const;

function pldEpsilon(event: DpEvent, count = 1): Answer {
  // An interval at most 1e-3 wide: the error of either end is below that.
  const accountant = createPldAccountant({ relation: 'add-or-remove-one', tolerance: { epsilon: 1e-3 } });
  accountant.compose(event, count);
  const { lower, upper } = accountant.epsilonInterval(1e-5);
  return { lower, value: upper };
}

const TASKS: readonly Task[] = [
  { name: 'MNIST epsilon by PLD, interval ≤ 1e-3', target: 0.1, run: () => pldEpsilon(mnist(1.1)) },
  {
    name: 'MNIST calibrated to epsilon 3 by PLD',
    target: 0.5,
    run: () => ({ value: calibrateNoiseMultiplier({ ...target, accountant: 'pld', event: mnist }) }),
  },
  { name: 'Gaussian × 100 by PLD', target: 0.1, run: () => pldEpsilon(gaussian({ noiseMultiplier: 1.5 }), 100) },
  {
    name: 'MNIST epsilon by RDP, default orders',
    run: () => {
      const accountant = createRdpAccountant({ relation: 'add-or-remove-one' });
      accountant.compose(mnist(1.1));
      return { value: accountant.epsilon(1e-5) };
    },
  },
  {
    name: 'MNIST calibrated to epsilon 3 by RDP',
    run: () => ({ value: calibrateNoiseMultiplier({ ...target, accountant: 'rdp', event: mnist }) }),
  },
  {
    name: 'distributed run calibrated to epsilon 3 by RDP',
    run: () => ({ value: calibrateNoiseMultiplier({ ...target, accountant: 'rdp', event: distributed }) }),
  },
  {
    name: 'distributed run calibrated to epsilon 3 by PLD',
    run: () => ({ value: calibrateNoiseMultiplier({ ...target, accountant: 'pld', event: distributed }) }),
  },
];

function cpuSeconds(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

const round = (seconds: number): number => Number(seconds.toPrecision(3));

const only = process.argv[2];
if (only !== undefined) {
  const task = TASKS[Number(only)];
  if (task !== undefined) console.log(cpuSeconds(() => void task.run()));
} else {
  const rows = TASKS.map(({ name, target: limit, run }, i) => {
    let best = Infinity;
    let answer: Answer = { value: Number.NaN };
    for (let k = 0; k < REPETITIONS; k += 1)
      best = Math.min(
        best,
        cpuSeconds(() => (answer = run())),
      );
    const words = ['--conditions=source', fileURLToPath(import.meta.url), String(i)];
    const cold = Number(execFileSync(process.execPath, words, { encoding: 'utf8' }));
    const met = limit === undefined ? undefined : best <= limit;
    console.log(
      `${name.padEnd(48)} ${best.toFixed(4)} s  first ${cold.toFixed(3)} s  ${limit === undefined ? '' : `target ${limit} ${met === true ? 'met' : 'MISSED'}`}`,
    );
    return {
      name,
      ...answer,
      cpuSeconds: round(best),
      firstCpuSeconds: round(cold),
      ...(limit === undefined ? {} : { target: limit, met }),
    };
  });
  const result = {
    machine: describeMachine(),
    method: `CPU time of one call; cpuSeconds: best of ${REPETITIONS} in one process, firstCpuSeconds: the first call of a fresh process`,
    rows,
    notCompared: 'dp_accounting was not installed on this machine; no figure of it is recorded here',
  };
  mkdirSync(new URL('results/', import.meta.url), { recursive: true });
  writeFileSync(new URL('results/accounting.json', import.meta.url), `${JSON.stringify(result, null, 2)}\n`);
  if (rows.some(({ met }) => met === false)) process.exitCode = 1;
}
