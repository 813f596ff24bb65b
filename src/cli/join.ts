/**
 * `sotto join URL`: take part in a task with data that stays here. Runs until the task ends, through every interruption;
 * Ctrl-C leaves. The identity key, the own ledger, a receipt of every round and the records of attestation stay in `--home`.
 *
 * @module
 */

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';

import { Command } from 'commander';
import { parse } from 'yaml';
import { z } from 'zod';

import { createSigningKey, fromHex } from '../foundations/crypto/index.ts';
import type { Dataset } from '../learning/data/index.ts';
import {
  DEFAULT_POLICY,
  digestReceipt,
  findBrokenReceipt,
  FIRST_RECEIPT,
  join as takePart,
  type JoinEvent,
  type ParticipantPolicy,
  policySchema,
  type RoundReceipt,
} from '../runtime/client/index.ts';
import { createPinnedFetch } from '../runtime/drivers/index.ts';
import {
  appendSynced,
  createLedgerFile,
  createStateFile,
  loadOrCreateKey,
  readFileOf,
  readParticipantData,
} from '../runtime/storage/index.ts';
import { type RunPlan, wantedOf } from '../runtime/training/index.ts';
import type { KnownRound } from '../trust/log/index.ts';
import { exportRecord, parseAttestationPolicy, SIMULATED_BANNER } from '../trust/attestation/index.ts';
import { UsageError } from './exit-codes.ts';
import { loadOrMakeKey } from './logged-keys.ts';
import { keepLogReceipt } from './log-receipt.ts';
import { pinnedFetchOf } from './pinned-option.ts';

type Joined = Extract<JoinEvent, { readonly kind: 'joined' }>;

interface JoinCommandOptions {
  readonly task: string;
  readonly token: string;
  readonly data: string;
  readonly rows?: string;
  readonly target?: string;
  readonly invert?: boolean;
  readonly label: string;
  readonly home: string;
  readonly policy?: string;
  readonly requireAttestation?: string;
  readonly insecureSimulatedAttestation?: boolean;
  readonly fingerprint?: string;
  readonly authority?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly enrolment?: string;
  readonly json?: boolean;
}

/** Creates the command. */
export function createJoinCommand(): Command {
  return new Command('join')
    .description('Take part in a task with your own data, which stays where it is.')
    .argument('<url>', 'address of the coordinator')
    .requiredOption('--task <id>', 'task to join')
    .option('--token <token>', 'invitation; needed the first time', '')
    .requiredOption(
      '--data <what>',
      'folder with IDX files, tables, or pictures or texts in folders named by their class; a CSV, TSV, JSONL or Parquet ' +
        'file; a query (SELECT …, needs @duckdb/node-api); npm:NAME',
    )
    .option('--rows <from:to>', 'only these rows of the data')
    .option('--target <column>', 'column of the label in a table')
    .option('--invert', 'pictures are dark on light where the model expects light on dark')
    .option('--label <text>', 'what the operator sees you as', 'participant')
    .option('--home <folder>', 'identity key, own ledger, receipts, records', 'sotto-participant')
    .option('--policy <file>', 'floors that a task must meet, YAML')
    .option('--require-attestation <file>', 'evidence that the coordinator must show before anything is sent, YAML')
    .option('--insecure-simulated-attestation', 'let that policy accept SIMULATED evidence, which protects nothing')
    .option('--fingerprint <sha256>', 'pin the coordinator’s certificate')
    .option('--authority <file>', 'authority of the coordinator’s certificate, PEM, in place of the system’s')
    .option('--certificate <file>', 'own TLS certificate, PEM, in place of an invitation')
    .option('--key <file>', 'its private key, PEM')
    .option('--enrolment <file>', 'certificate of the enrolment authority, from sotto keys certify')
    .option('--json', 'print events as JSON lines')
    .action((url: string, options: JoinCommandOptions) => join(url, options));
}

async function join(url: string, options: JoinCommandOptions): Promise<void> {
  if (!URL.canParse(url)) throw new UsageError(`"${url}" is not an address such as https://host:7700`);
  const policy = policyOf(options);
  const pinned = fetchOf(options);
  const enrolment = options.enrolment === undefined ? undefined : readEnrolment(options.enrolment);
  mkdirSync(options.home, { recursive: true });
  const file = (kind: string): string => joinPath(options.home, `${options.task}.${kind}.jsonl`);
  const previousReceipt = lastReceipt(file('receipts'));
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  const show = options.json === true ? printJson : printText;
  const joined: Joined[] = [];
  await takePart({
    url: url.replace(/\/+$/, ''),
    taskId: options.task,
    token: options.token,
    key: await loadOrMakeKey(joinPath(options.home, 'identity.key')),
    label: options.label,
    dataset: (run, inputShape) => readData(options, run, inputShape),
    policy,
    ledgerStore: createLedgerFile(file('ledger')),
    stateStore: createStateFile(joinPath(options.home, `${options.task}.state`)),
    previousReceipt,
    insecureSimulatedAttestation: options.insecureSimulatedAttestation === true,
    ...(pinned === undefined ? {} : { fetch: pinned }),
    ...(enrolment === undefined ? {} : { certificate: enrolment }),
    signal: stop.signal,
    onEvent(event) {
      if (event.kind === 'round') appendSynced(file('receipts'), `${JSON.stringify(event.receipt)}\n`);
      if (event.kind === 'joined') joined.push(event);
      if (event.kind === 'attested') appendSynced(file('attestation'), `${exportRecord(event.record)}\n`);
      show(event);
    },
  });
  const said = await keepLogReceipt({
    url: url.replace(/\/+$/, ''),
    taskId: options.task,
    key: createSigningKey(loadOrCreateKey(joinPath(options.home, 'identity.key'))),
    files: {
      receipt: joinPath(options.home, `${options.task}.log-receipt.json`),
      logKey: joinPath(options.home, `${options.task}.log.vkey`),
    },
    known: joined.flatMap((event) => knownRounds(readReceipts(file('receipts')), event)),
    fetch: pinned,
  });
  if (said !== undefined) console.error(said);
}

async function readData(
  options: JoinCommandOptions,
  { task, layers }: RunPlan,
  inputShape: readonly number[],
): Promise<Dataset> {
  const dataset = await readParticipantData(options.data, {
    wanted: wantedOf(task.model, { inputShape, layers }),
    ...(options.target === undefined ? {} : { label: options.target }),
    ...(options.invert === undefined ? {} : { invert: options.invert }),
  });
  return options.rows === undefined ? dataset : dataset.subset(rowsOf(options.rows, dataset.size));
}

function rowsOf(text: string, size: number): Uint32Array {
  const [from = 0, to = size] = text.split(':').map(Number);
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to > size || from >= to) {
    throw new UsageError(`--rows must be FROM:TO within 0:${size}, got "${text}"`);
  }
  return Uint32Array.from({ length: to - from }, (_, i) => from + i);
}

/** The policy file, with the demand for evidence from its own file where one was named. */
function policyOf(options: JoinCommandOptions): ParticipantPolicy {
  const { policy: path, requireAttestation, insecureSimulatedAttestation: insecureSimulated = false } = options;
  const policy = path === undefined ? DEFAULT_POLICY : readPolicy(path);
  if (requireAttestation === undefined) return policy;
  const demand: unknown = parse(new TextDecoder().decode(readFileOf(requireAttestation, 'attestation policy')));
  return { ...policy, requireAttestation: parseAttestationPolicy(demand, { insecureSimulated }) };
}

function readPolicy(path: string): ParticipantPolicy {
  const parsed = policySchema.safeParse(parse(new TextDecoder().decode(readFileOf(path, 'policy'))));
  if (!parsed.success) throw new UsageError(`${path}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** A fetch of its own where the built-in one does not do. */
function fetchOf({ fingerprint, authority, certificate, key }: JoinCommandOptions): typeof fetch | undefined {
  if ((certificate === undefined) !== (key === undefined)) throw new UsageError('--certificate and --key go together');
  if (fingerprint === undefined && authority === undefined && certificate === undefined) return undefined;
  const pem = (path: string): string => new TextDecoder().decode(readFileOf(path, 'TLS file'));
  const more = {
    ...(authority === undefined ? {} : { authorities: pem(authority) }),
    ...(certificate === undefined || key === undefined
      ? {}
      : { identity: { certificate: pem(certificate), key: pem(key) } }),
  };
  return fingerprint === undefined ? createPinnedFetch(more) : pinnedFetchOf(fingerprint, more);
}

function readEnrolment(path: string): Uint8Array {
  const text = new TextDecoder().decode(readFileOf(path, 'enrolment certificate')).trim();
  if (!/^[0-9a-f]{128}$/.test(text)) throw new UsageError(`${path} must hold the 128 digits from sotto keys certify`);
  return fromHex(text);
}

/** The receipts of a file. A line without an end was cut by a crash; the next receipt follows the one before it. */
function readReceipts(path: string): readonly RoundReceipt[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.slice(0, -1).map((line) => JSON.parse(line) as RoundReceipt);
}

/** What a participant's own receipts say of its rounds. */
function knownRounds(receipts: readonly RoundReceipt[], { participant, run: { plan } }: Joined): readonly KnownRound[] {
  return receipts
    .filter((receipt) => receipt.participant === participant)
    .map(({ attempt, modelDigest }) => ({
      attempt,
      // The log has the digest of the model alone; a strategy may offer more beside it.
      modelDigest: plan.offered === plan.dimension && modelDigest !== '' ? modelDigest : undefined,
    }));
}

/** Digest of the newest receipt. @throws {@link UsageError} when the chain is broken. */
function lastReceipt(path: string): string {
  const receipts = readReceipts(path);
  const broken = findBrokenReceipt(receipts);
  if (broken !== undefined) throw new UsageError(`${path}:${broken + 1} does not follow from the receipt before it`);
  const last = receipts.at(-1);
  return last === undefined ? FIRST_RECEIPT : digestReceipt(last);
}

/** Stands in front of every line once the coordinator's evidence was simulated. */
let mark = '';

function printJson(event: JoinEvent): void {
  if (event.kind === 'attested') mark = event.record.insecureSimulated ? '[SIMULATED] ' : '';
  const plain =
    event.kind === 'joined' ? { kind: event.kind, participant: event.participant, adversary: event.adversary } : event;
  const said = mark === '' ? plain : { ...plain, insecureSimulated: true };
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

function printText(event: JoinEvent): void {
  if (event.kind === 'attested') mark = event.record.insecureSimulated ? '[SIMULATED] ' : '';
  const say = (line: string): void => void process.stdout.write(`${mark}${line}\n`);
  const complain = (line: string): void => void process.stderr.write(`${mark}${line}\n`);
  switch (event.kind) {
    case 'attested': {
      const { outcome, insecureSimulated, standsUntil, tee = 'none' } = event.record;
      if (insecureSimulated) say(SIMULATED_BANNER);
      const until = standsUntil === undefined ? '' : `, stands until ${standsUntil}`;
      say(`evidence (${tee}) ${outcome}${until}`);
      break;
    }
    case 'joined': {
      const { plan, task } = event.run;
      const epsilon =
        plan.budget === undefined
          ? 'NOT PRIVATE'
          : `ε ≤ ${Math.ceil(plan.budget.epsilon * 1000) / 1000} at δ = ${plan.budget.delta}`;
      say(
        `joined ${task.task} as ${event.participant}: ${plan.participants} participants, ${plan.rounds} rounds, ${epsilon}; ` +
          `${event.adversary}`,
      );
      say('waiting for rounds; Ctrl-C leaves, and the same command comes back');
      break;
    }
    case 'round':
      say(
        `round ${event.round} ${event.outcome}${event.epsilon === null ? '' : `, my ledger: ε ${event.epsilon.toFixed(3)}`}`,
      );
      break;
    case 'waiting':
      complain(`${event.reason}; trying again in ${(event.retryMs / 1000).toFixed(1)} s`);
      break;
    case 'refused':
      complain(`refused: ${event.reason}`);
      break;
    case 'ended':
      say(`the task is ${event.state}`);
      break;
  }
}
