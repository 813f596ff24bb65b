/**
 * `sotto status`, `sotto logs` and `sotto stop`: they ask the server, never its folder.
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Command } from 'commander';

import { ClientError, isUntrusted } from '../runtime/client/index.ts';
import { OPERATOR_TOKEN_FILE } from '../runtime/coordinator/index.ts';
import { SottoError } from '../foundations/numerics/index.ts';
import { UsageError } from './exit-codes.ts';
import { OWN_CERTIFICATE, pinnedFetchOf } from './pinned-option.ts';
import { fingerprintOfPem } from '../runtime/drivers/index.ts';

interface OperateOptions {
  readonly token?: string;
  readonly folder: string;
  readonly fingerprint?: string;
  readonly task?: string;
  readonly json?: boolean;
}

interface Status {
  readonly id: string;
  readonly state: string;
  readonly round: number;
  readonly rounds: number;
  readonly accuracy: number | null;
  readonly epsilon: number | null;
  readonly participants: number;
  readonly dropouts: number;
  /** Those that are open; an older coordinator says nothing of them. */
  readonly attempts?: readonly { readonly attempt: number; readonly round: number; readonly stage: string }[];
}

function addAccess(command: Command): Command {
  return command
    .argument('<url>', 'address of the coordinator')
    .option('--token <token>', 'operator’s token (default: SOTTO_TOKEN, SOTTO_OPERATOR_TOKEN, or the file in --folder)')
    .option('--folder <folder>', 'folder of a coordinator on this machine', 'sotto-coordinator')
    .option(
      '--fingerprint <sha256>',
      'pin the coordinator’s certificate (default: the one in --folder, where it made its own)',
    );
}

/** Creates the three commands. */
export function createOperateCommands(): Command[] {
  return [
    addAccess(new Command('status').description('Show the tasks of a coordinator.'))
      .option('--json', 'as JSON')
      .action((url: string, options: OperateOptions) => status(url, options)),
    addAccess(new Command('logs').description('Print the metrics of a task, one JSON line an attempt.'))
      .requiredOption('--task <id>', 'task')
      .option('--json', 'changes nothing: the lines are JSON as they are')
      .action(async (url: string, options: OperateOptions) => {
        const response = await ask(url, options, 'GET', `/v1/tasks/${encodeURIComponent(options.task ?? '')}/metrics`);
        process.stdout.write(await response.text());
      }),
    addAccess(new Command('stop').description('Stop a task, or the whole coordinator.'))
      .option('--task <id>', 'task; without it the coordinator ends')
      .option('--json', 'print { stopped } as JSON')
      .action(async (url: string, options: OperateOptions) => {
        const path = options.task === undefined ? '/v1/shutdown' : `/v1/tasks/${encodeURIComponent(options.task)}/stop`;
        await ask(url, options, 'POST', path);
        const said = options.task === undefined ? 'the coordinator is ending' : `stopped ${options.task}`;
        const json = JSON.stringify({ stopped: options.task ?? 'coordinator' });
        process.stdout.write(`${options.json === true ? json : said}\n`);
      }),
  ];
}

async function ask(url: string, options: OperateOptions, method: 'GET' | 'POST', path: string): Promise<Response> {
  if (!URL.canParse(url)) throw new UsageError(`"${url}" is not an address such as http://host:7700`);
  const { fingerprint } = options;
  const authorization = `Bearer ${tokenOf(options)}`;
  const sendBy = (send: typeof fetch): Promise<Response> =>
    send(new URL(path, url), { method, headers: { authorization } });
  let response: Response;
  try {
    response = await sendBy(fingerprint === undefined ? fetch : pinnedFetchOf(fingerprint)).catch((error: unknown) => {
      const pin = fingerprint === undefined && isUntrusted(error) ? pinIn(options.folder) : undefined;
      if (pin === undefined) throw error;
      return sendBy(pinnedFetchOf(pin));
    });
  } catch (error) {
    if (error instanceof SottoError) throw error;
    const why = isUntrusted(error)
      ? 'shows a certificate that nobody known here has signed: pin it with --fingerprint'
      : 'does not answer';
    throw new ClientError('client/unreachable', `the coordinator at ${url} ${why}`, { cause: error });
  }
  if (response.ok) return response;
  const { type = 'unknown', detail = `the coordinator answered ${response.status}` } = (await response
    .json()
    .catch(() => ({}))) as { type?: string; detail?: string };
  throw new ClientError('client/refused', detail, { details: { type, status: response.status } });
}

/** The certificate that the coordinator of a folder made for itself; undefined where it has none. */
function pinIn(folder: string): string | undefined {
  const path = join(folder, OWN_CERTIFICATE);
  return existsSync(path) ? fingerprintOfPem(readFileSync(path, 'utf8')) : undefined;
}

function tokenOf({ token, folder }: OperateOptions): string {
  const path = join(folder, OPERATOR_TOKEN_FILE);
  const { SOTTO_TOKEN, SOTTO_OPERATOR_TOKEN } = process.env;
  const found =
    token ?? SOTTO_TOKEN ?? SOTTO_OPERATOR_TOKEN ?? (existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined);
  if (found === undefined)
    throw new UsageError('show the operator’s token: --token, SOTTO_TOKEN, or --folder of the coordinator');
  return found;
}

async function status(url: string, options: OperateOptions): Promise<void> {
  const tasks = (await (await ask(url, options, 'GET', '/v1/tasks')).json()) as Status[];
  if (options.json === true) {
    const shown = tasks.map(
      ({ id, state, round, rounds, accuracy, epsilon, participants, dropouts, attempts = [] }) => ({
        id,
        state,
        round,
        rounds,
        accuracy,
        epsilon,
        participants,
        dropouts,
        attempts,
      }),
    );
    process.stdout.write(`${JSON.stringify({ tasks: shown }, undefined, 2)}\n`);
    return;
  }
  if (tasks.length === 0) process.stdout.write('no tasks\n');
  for (const task of tasks) {
    const accuracy = task.accuracy === null ? '–' : `${(task.accuracy * 100).toFixed(2)} %`;
    const epsilon = task.epsilon === null ? 'NOT PRIVATE' : `ε ${task.epsilon.toFixed(2)}`;
    process.stdout.write(
      `${task.id}  ${task.state}  round ${task.round}/${task.rounds}  accuracy ${accuracy}  ${epsilon}  ` +
        `${task.participants} participants, ${task.dropouts} dropouts\n`,
    );
    for (const { attempt, round, stage } of task.attempts ?? [])
      process.stdout.write(`  attempt ${attempt} for round ${round}: ${stage}\n`);
  }
}
