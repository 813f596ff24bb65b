/**
 * `sotto join URL`: take part in a task with the data in a folder. Runs until the task ends, through every
 * interruption; Ctrl-C leaves.
 *
 * @module
 */

import { join as joinPath } from 'node:path';

import { Command } from 'commander';

import { createSigningKey } from '../foundations/crypto/index.ts';
import { join as takePart, policySchema, type JoinEvent, type ParticipantPolicy } from '../runtime/client/index.ts';
import { createLedgerFile, loadOrCreateKey, loadTaskData, readFileOf } from '../runtime/storage/index.ts';
import { parse } from 'yaml';
import { z } from 'zod';
import { UsageError } from './exit-codes.ts';

interface JoinCommandOptions {
  readonly task: string;
  readonly token: string;
  readonly data: string;
  readonly rows?: string;
  readonly label: string;
  readonly home: string;
  readonly policy?: string;
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
      '--data <folder>',
      'folder with train-images-idx3-ubyte and train-labels-idx1-ubyte, or an npm package: npm:NAME',
    )
    .option('--rows <from:to>', 'only these rows of the data')
    .option('--label <text>', 'what the operator sees you as', 'participant')
    .option('--home <folder>', 'identity key, own ledger and receipts', 'sotto-participant')
    .option('--policy <file>', 'floors that a task must meet, YAML')
    .option('--json', 'print events as JSON lines')
    .action((url: string, options: JoinCommandOptions) => join(url, options));
}

async function join(url: string, options: JoinCommandOptions): Promise<void> {
  if (!URL.canParse(url)) throw new UsageError(`"${url}" is not an address such as http://host:7700`);
  const source = options.data.startsWith('npm:') ? { package: options.data.slice(4) } : { folder: options.data };
  const train = loadTaskData(source, { part: 'train', baseFolder: process.cwd() });
  const rows = rowsOf(options.rows, train.size);
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  const show = options.json === true ? printJson : printText;
  await takePart({
    url: url.replace(/\/+$/, ''),
    taskId: options.task,
    token: options.token,
    key: createSigningKey(loadOrCreateKey(joinPath(options.home, 'identity.key'))),
    label: options.label,
    dataset: train.subset(rows),
    ...(options.policy === undefined ? {} : { policy: readPolicy(options.policy) }),
    ledgerStore: createLedgerFile(joinPath(options.home, `${options.task}.ledger.jsonl`)),
    signal: stop.signal,
    onEvent: show,
  });
}

function rowsOf(text: string | undefined, size: number): Uint32Array {
  const [from = 0, to = size] = (text ?? `0:${size}`).split(':').map(Number);
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to > size || from >= to) {
    throw new UsageError(`--rows must be FROM:TO within 0:${size}, got "${text}"`);
  }
  return Uint32Array.from({ length: to - from }, (_, i) => from + i);
}

function readPolicy(path: string): ParticipantPolicy {
  const parsed = policySchema.safeParse(parse(new TextDecoder().decode(readFileOf(path, 'policy'))));
  if (!parsed.success) throw new UsageError(`${path}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

function printJson(event: JoinEvent): void {
  const plain = event.kind === 'joined' ? { kind: event.kind, participant: event.participant } : event;
  process.stdout.write(`${JSON.stringify(plain)}\n`);
}

function printText(event: JoinEvent): void {
  switch (event.kind) {
    case 'joined': {
      const { plan, task } = event.run;
      const epsilon =
        task.privacy.trust === 'off' ? 'NOT PRIVATE' : `ε ≤ ${task.privacy.epsilon} at δ = ${task.privacy.delta}`;
      process.stdout.write(
        `joined ${task.task} as ${event.participant}: ${plan.participants} participants, ${plan.rounds} rounds, ${epsilon}\n`,
      );
      break;
    }
    case 'round':
      process.stdout.write(
        `round ${event.round} ${event.outcome}${event.epsilon === null ? '' : `, my ledger: ε ${event.epsilon.toFixed(3)}`}\n`,
      );
      break;
    case 'waiting':
      process.stderr.write(`${event.reason}; trying again in ${(event.retryMs / 1000).toFixed(1)} s\n`);
      break;
    case 'refused':
      process.stderr.write(`refused: ${event.reason}\n`);
      break;
    case 'ended':
      process.stdout.write(`the task is ${event.state}\n`);
      break;
  }
}
