/**
 * `sotto secagg plan`: parameters and costs of secure aggregation for a cohort, before anything is set up.
 *
 * @module
 */

import { Command } from 'commander';

import { chooseBitWidth } from '../foundations/vector/index.ts';
import {
  describeAdversary,
  describeEstimate,
  dryRun,
  findGraphParameters,
  planDistributedNoise,
  type DistributedNoisePlan,
  type SecAggConfig,
} from '../secure/secagg/index.ts';
import { UsageError } from './exit-codes.ts';

interface PlanOptions {
  readonly participants: string;
  readonly entries: string;
  readonly corrupt: string;
  readonly dropout: string;
  readonly adversary: string;
  readonly bits?: string;
  readonly inputBits: string;
  readonly complete?: boolean;
  readonly hybrid?: boolean;
  readonly task?: boolean;
  readonly cipher: string;
  readonly audit?: string;
  readonly epsilon?: string;
  readonly delta: string;
  readonly clipNorm: string;
  readonly attempts: string;
  readonly noise: string;
  readonly json?: boolean;
}

/** Creates the command. */
export function createSecaggCommand(): Command {
  const secagg = new Command('secagg').description('Secure aggregation: parameters and costs.');
  secagg
    .command('plan')
    .description('Print graph, threshold, ring and costs of a round for a cohort.')
    .requiredOption('--participants <count>', 'size of the cohort')
    .option('--entries <count>', 'entries of a contribution', '100000')
    .option('--corrupt <fraction>', 'share of the cohort that may collude with the coordinator', '0.1')
    .option('--dropout <fraction>', 'share of the cohort that may be lost', '0.1')
    .option('--adversary <kind>', 'curious or malicious coordinator', 'curious')
    .option('--input-bits <count>', 'bits of one entry of one contribution', '16')
    .option('--bits <count>', 'bits of the ring (default: what the sum of all inputs needs)')
    .option('--complete', 'mask with everybody, whatever the size')
    .option('--hybrid', 'agree on keys with X25519 and ML-KEM-768')
    .option('--task', 'agree on keys once a task')
    .option('--cipher <name>', 'chacha20 or chacha12', 'chacha20')
    .option(
      '--audit <count>',
      'members beyond its neighbours that each participant verifies (default: 0; everybody with noise against a malicious coordinator)',
    )
    .option('--epsilon <number>', 'plan distributed noise for this budget over all attempts')
    .option('--delta <number>', 'delta of that budget', '1e-5')
    .option('--clip-norm <number>', 'L2 bound of a contribution', '1')
    .option('--attempts <count>', 'sums that the budget covers', '1')
    .option('--noise <mechanism>', 'skellam or discrete-gaussian', 'skellam')
    .option('--json', 'print JSON')
    .action((options: PlanOptions) => planOrExplain(options));
  return secagg;
}

function numberOf(text: string, option: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new UsageError(`${option} must be a number, got "${text}"`);
  return value;
}

function oneOf<T extends string>(text: string, option: string, known: readonly T[]): T {
  const found = known.find((name) => name === text);
  if (found === undefined) throw new UsageError(`${option} must be one of ${known.join(', ')}, got "${text}"`);
  return found;
}

/** Plans; what the library finds out of range came from a flag, so it is a mistake of usage and no defect. */
function planOrExplain(options: PlanOptions): void {
  try {
    plan(options);
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`${error.message}; see "sotto secagg plan --help"`);
    throw error;
  }
}

/** Members beyond its neighbours that a participant verifies. */
function auditCountOf({ audit, epsilon }: PlanOptions, { others, malicious }: { others: number; malicious: boolean }) {
  if (audit !== undefined) return numberOf(audit, '--audit');
  return malicious && epsilon !== undefined ? others : 0;
}

function plan(options: PlanOptions): void {
  const participants = numberOf(options.participants, '--participants');
  const corrupt = numberOf(options.corrupt, '--corrupt');
  const dropout = numberOf(options.dropout, '--dropout');
  const malicious = oneOf(options.adversary, '--adversary', ['curious', 'malicious']) === 'malicious';
  const maxCorrupt = Math.floor(corrupt * participants + 1e-9);
  const found =
    options.complete === true
      ? undefined
      : findGraphParameters({
          participants,
          corruptFraction: corrupt,
          dropoutFraction: dropout,
          adversary: malicious ? 'semi-malicious' : 'semi-honest',
        });
  const minSurvivors = Math.max(2, Math.ceil((1 - dropout) * participants - 1e-9));
  const noise = planNoise(options, { participants, maxCorrupt, minSurvivors });
  const entries = noise?.paddedDimension ?? numberOf(options.entries, '--entries');
  const bitWidth = noise?.bitWidth ?? bitsOf(options, participants);
  const config: SecAggConfig = {
    taskId: 'plan',
    round: 0,
    attempt: 0,
    bitWidth,
    entries,
    threshold: found?.threshold ?? Math.floor((participants + maxCorrupt) / 2) + 1,
    maxCorrupt,
    minSurvivors:
      found === undefined ? Math.max(minSurvivors, Math.floor((participants + maxCorrupt) / 2) + 1) : minSurvivors,
    configDigest: new Uint8Array(32),
    adversary: malicious ? 'malicious-coordinator' : 'honest-but-curious',
    keyAgreement: options.hybrid === true ? 'x25519-mlkem768' : 'x25519',
    cipher: oneOf(options.cipher, '--cipher', ['chacha20', 'chacha12']),
    setup: options.task === true ? 'task' : 'round',
    ...(found === undefined
      ? {}
      : {
          graph: {
            kind: 'harary',
            degree: found.degree,
            dropoutFraction: dropout,
            draw: malicious ? 'commit-reveal' : 'coordinator',
            auditCount: auditCountOf(options, { others: participants - 1 - found.degree, malicious }),
          },
        }),
    ...(noise === undefined ? {} : { noise: noise.noise }),
  };
  const estimate = dryRun(config, { participants, dropoutFraction: dropout });
  const adversary = malicious
    ? 'malicious coordinator, where identities are pinned or certified by somebody else'
    : describeAdversary(config, { kind: 'coordinator' });
  if (options.json === true) {
    const { event, options: _options, ...constants } = noise ?? { event: undefined, options: undefined };
    console.log(
      JSON.stringify(
        {
          participants,
          adversary,
          graph: found === undefined ? 'complete' : 'harary',
          bitWidth,
          entries,
          ...(noise === undefined ? {} : { noise: { ...constants, event } }),
          ...estimate,
        },
        undefined,
        2,
      ),
    );
    return;
  }
  const kind = found === undefined ? 'complete graph' : 'Harary graph';
  console.log(
    `${participants} participants, up to ${maxCorrupt} corrupt, ${Math.round(100 * dropout)} % lost: ${kind}`,
  );
  console.log(`against: ${adversary}`);
  console.log(`ring: ${bitWidth} bits, ${entries} entries`);
  if (noise !== undefined) {
    console.log(
      `noise: ${noise.noise.mechanism}, multiplier ${noise.noiseMultiplier.toPrecision(5)}, share variance ` +
        `${noise.noise.shareVariance.toPrecision(5)} grid steps², grid ${noise.quantizationScale} steps a unit`,
    );
  }
  for (const line of describeEstimate(estimate)) console.log(line);
}

function bitsOf({ bits, inputBits }: PlanOptions, participants: number): number {
  if (bits !== undefined) return numberOf(bits, '--bits');
  return chooseBitWidth({
    participants,
    maxMagnitude: 2 ** (numberOf(inputBits, '--input-bits') - 1) - 1,
    noiseVariance: 0,
    dimension: 1,
    rounds: 1,
  });
}

function planNoise(
  options: PlanOptions,
  cohort: { readonly participants: number; readonly maxCorrupt: number; readonly minSurvivors: number },
): DistributedNoisePlan | undefined {
  if (options.epsilon === undefined) return undefined;
  return planDistributedNoise({
    mode: 'client',
    mechanism: oneOf(options.noise, '--noise', ['skellam', 'discrete-gaussian']),
    clipNorm: numberOf(options.clipNorm, '--clip-norm'),
    dimension: numberOf(options.entries, '--entries'),
    epsilon: numberOf(options.epsilon, '--epsilon'),
    delta: numberOf(options.delta, '--delta'),
    attempts: numberOf(options.attempts, '--attempts'),
    ...cohort,
  });
}
