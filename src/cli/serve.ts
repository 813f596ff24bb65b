/**
 * `sotto serve [TASK]`: the coordinator as a service.
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { Command } from 'commander';
import { pino } from 'pino';

import { createEngine } from '../learning/models/index.ts';
import { serve as startService, type TaskFacts } from '../runtime/coordinator/index.ts';
import { loadTaskData, readFileOf } from '../runtime/storage/index.ts';
import type { TaskFile } from '../runtime/task/index.ts';
import { planRun } from '../runtime/training/index.ts';
import { UsageError } from './exit-codes.ts';

interface ServeCommandOptions {
  readonly folder: string;
  readonly host: string;
  readonly port: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly invitations: string;
  readonly json?: boolean;
}

/** Creates the command. */
export function createServeCommand(): Command {
  return new Command('serve')
    .description('Serve tasks to participants on other machines.')
    .argument('[task]', 'task file to create when the folder has no task of its name yet')
    .option('--folder <folder>', 'state of the coordinator', 'sotto-coordinator')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on; 0 takes a free one', '7700')
    .option('--certificate <file>', 'TLS certificate, PEM')
    .option('--key <file>', 'TLS private key, PEM')
    .option('--invitations <count>', 'invitations to print for the task', '0')
    .option('--json', 'print addresses and invitations as one line of JSON')
    .action((taskPath: string | undefined, options: ServeCommandOptions) => serve(taskPath, options));
}

async function serve(taskPath: string | undefined, options: ServeCommandOptions): Promise<void> {
  const port = Number(options.port);
  const invitations = Number(options.invitations);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new UsageError(`--port must be in [0, 65535], got ${options.port}`);
  if (!Number.isInteger(invitations) || invitations < 0 || invitations > 10_000) {
    throw new UsageError(`--invitations must be in [0, 10000], got ${options.invitations}`);
  }
  if ((options.certificate === undefined) !== (options.key === undefined)) {
    throw new UsageError('--certificate and --key go together');
  }
  const log = pino({ redact: ['token', 'authorization', 'parameters', 'payload'] }, pino.destination(2));
  const text = taskPath === undefined ? undefined : readFileSync(taskPath, 'utf8');
  const databaseUrl = process.env.DATABASE_URL;
  const bucketUrl = process.env.SOTTO_BUCKET_URL;
  const served = await startService({
    folder: options.folder,
    host: options.host,
    port,
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
    ...(bucketUrl === undefined
      ? {}
      : {
          bucket: {
            url: bucketUrl,
            accessKeyId: process.env.AWS_ACCESS_KEY_ID ?? '',
            secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY ?? '',
          },
        }),
    ...(options.certificate === undefined || options.key === undefined
      ? {}
      : { tls: { certificate: readPem(options.certificate), key: readPem(options.key) } }),
    factsOf: (task) => Promise.resolve(factsOf(task, taskPath === undefined ? process.cwd() : dirname(taskPath))),
    log: (fields, message) => log.info(fields, message),
    ...faultPoint(),
  });
  const tasks = served.service.tasks().map((task) => task.status());
  let id = tasks.find(({ name }) => text?.includes(`task: ${name}`) === true)?.id;
  if (text !== undefined && id === undefined) id = (await served.service.createTask(text)).status().id;
  const tokens: string[] = [];
  for (let i = 0; id !== undefined && i < invitations; i += 1) tokens.push((await served.service.invite(id)).token);
  if (options.json === true) process.stdout.write(`${JSON.stringify({ url: served.url, task: id ?? null, tokens })}\n`);
  else printAddresses(served.url, id, tokens);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
    served.shutdownRequested.then(resolve, () => {});
  });
  await served.close();
}

function printAddresses(url: string, task: string | undefined, tokens: readonly string[]): void {
  process.stdout.write(`serving on ${url}\n`);
  if (task !== undefined) process.stdout.write(`task ${task}\n`);
  for (const token of tokens) process.stdout.write(`  sotto join ${url} --task ${task} --token ${token} --data DIR\n`);
}

function readPem(path: string): string {
  return new TextDecoder().decode(readFileOf(path, 'TLS file'));
}

/** What the coordinator knows of a task's data: the shape of an example, and public test data where it has some. */
function factsOf(task: TaskFile, baseFolder: string): TaskFacts {
  if (task.model.input !== undefined && !hasData(task, baseFolder)) return { inputShape: task.model.input };
  const test = loadTaskData(task.data, { part: 'test', baseFolder });
  const { layers, prepare } = planRun(task, test);
  const dataset = prepare(test);
  const engine = createEngine(layers);
  return {
    inputShape: test.inputShape,
    evaluate: (parameters) => Promise.resolve({ accuracy: engine.evaluate({ parameters, dataset }).accuracy }),
  };
}

function hasData(task: TaskFile, baseFolder: string): boolean {
  return task.data.package !== undefined || existsSync(join(baseFolder, task.data.folder ?? ''));
}

/** Ends the process at a named point between two writes, where a fault test asks for it: `NAME` or `NAME:COUNT`. */
function faultPoint(): { onWrite?: (point: string) => void } {
  const asked = process.env.SOTTO_FAULT_POINT;
  if (asked === undefined) return {};
  const [name, count = '1'] = asked.split(':');
  let left = Number(count);
  return {
    onWrite(point) {
      if (point !== name) return;
      left -= 1;
      if (left === 0) process.kill(process.pid, 'SIGKILL');
    },
  };
}
