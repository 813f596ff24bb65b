/**
 * `sotto party assist TASK`: an aggregation server, or the holder of a decryption key, of one task, as a process of its own.
 * It answers one question an attempt, about enough contributors, and remembers which it has answered.
 *
 * @module
 */

import { dirname } from 'node:path';

import { Command } from 'commander';
import { z } from 'zod';

import { participantIdOf } from '../federation/wire/index.ts';
import { fromHex, toHex } from '../foundations/crypto/index.ts';
import {
  type AssistantIdentity,
  identifyAssistant,
  openAssistant,
  resolveAssistantName,
  startAssistantServer,
} from '../runtime/assistant-server/index.ts';
import { readFileOf } from '../runtime/storage/index.ts';
import { parseTaskFile, type TaskFile } from '../runtime/task/index.ts';
import { planRun, type RunPlan } from '../runtime/training/federated/index.ts';
import { readTaskData } from '../runtime/training/index.ts';
import { UsageError } from './exit-codes.ts';
import { readDocument } from './read-document.ts';

interface AssistOptions {
  readonly name?: string;
  readonly home: string;
  readonly listen: string;
  readonly inputShape?: string;
  readonly minContributors?: string;
  readonly roster?: string;
  readonly trustCoordinatorRoster?: boolean;
  readonly certificate?: string;
  readonly key?: string;
  readonly printKey?: boolean;
  readonly json?: boolean;
}

/** Creates the command. */
export function createPartyAssistCommand(): Command {
  return new Command('assist')
    .description('help to form the sums of a task: as an aggregation server, or as the holder of the decryption key')
    .argument('<task>', 'the task file, the same that the coordinator serves')
    .option('--name <name>', 'which assistant of the task this is; not needed when it has one')
    .option('--home <folder>', 'key, and the attempts that were answered; keep both together', 'sotto-assistant')
    .option('--listen <host:port>', 'address to listen on; port 0 takes any', '127.0.0.1:7800')
    .option('--input-shape <sizes>', 'shape of an example, as 28x28x1, where neither model.input nor the data says it')
    .option('--min-contributors <count>', 'fewest contributors of a sum, where it is to be more than the task asks for')
    .option('--roster <file>', 'identity keys of those who may take part, a list of 64 digits each, YAML')
    .option('--trust-coordinator-roster', 'believe the coordinator about who takes part')
    .option('--certificate <file>', 'TLS certificate, PEM')
    .option('--key <file>', 'its private key, PEM')
    .option('--print-key', 'make the key if there is none, print what the task file must name, and end')
    .option('--json', 'print JSON, one line an event')
    .action(assist);
}

async function assist(path: string, options: AssistOptions): Promise<void> {
  const run = await readRun(path, options);
  const name = nameOf(run, options.name);
  const { host, port } = addressOf(options.listen);
  const show = (fields: Readonly<Record<string, unknown>>, ...lines: readonly string[]): void => {
    const text = options.json === true ? [JSON.stringify(fields)] : lines;
    process.stdout.write(`${text.join('\n')}\n`);
  };
  const { home } = options;
  if (options.printKey === true) {
    const identity = await identifyAssistant(run, { home, name });
    const url = port === 0 ? 'URL' : `${options.certificate === undefined ? 'http' : 'https'}://${options.listen}`;
    const entry = entryOf(identity, url);
    return show(
      { name, kind: identity.kind, [identity.pin.field]: identity.pin.value, keyDigest: toHex(identity.keyDigest) },
      entry,
    );
  }
  const tls = tlsOf(options);
  const minContributors = countOf(options.minContributors);
  const roster = rosterOf(options);
  const opened = await openAssistant(run, { home, name, minContributors, roster });
  const told = options.trustCoordinatorRoster === true;
  const server = await startAssistantServer(opened, {
    host,
    port,
    tls,
    toldRoster: told ? roster : undefined,
    onAsked: (event) =>
      show({ event: 'asked', ...event }, event.outcome === 'answered' ? 'answered' : `refused: ${event.reason}`),
  });
  const { kind } = opened;
  const digest = toHex(opened.keyDigest);
  const facts = {
    url: server.url,
    name,
    kind,
    task: run.taskId,
    keyDigest: digest,
    minContributors: opened.minContributors,
  };
  show(
    { event: 'listening', ...facts, believesCoordinatorRoster: told },
    `${name} (${kind}) of ${run.taskId} on ${server.url}`,
    `key ${digest}; opens sums of at least ${opened.minContributors} contributors, one an attempt`,
    ...(told
      ? ['BELIEVES THE COORDINATOR about who takes part: it could make participants up, and see one among them']
      : []),
  );
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
  await server.close();
}

async function readRun(path: string, { inputShape }: AssistOptions): Promise<RunPlan> {
  const task = parseTaskFile(new TextDecoder().decode(readFileOf(path, 'task file')), { path });
  return planRun(task, { inputShape: await shapeOf(task, path, inputShape) });
}

async function shapeOf(task: TaskFile, path: string, said: string | undefined): Promise<readonly number[]> {
  if (said !== undefined) {
    const sizes = said.split('x').map(Number);
    if (sizes.every((size) => Number.isInteger(size) && size > 0)) return sizes;
    throw new UsageError(`--input-shape must be sizes joined by x, as 28x28x1, got "${said}"`);
  }
  if (task.model.input !== undefined && task.features === undefined) return task.model.input;
  return (await readTaskData(task, { part: 'test', baseFolder: dirname(path) })).inputShape;
}

function nameOf({ plan }: RunPlan, name: string | undefined): string {
  try {
    return resolveAssistantName(plan, name);
  } catch (error) {
    throw new UsageError((error as Error).message.replace('"name"', '--name'));
  }
}

function addressOf(listen: string): { host: string; port: number } {
  const at = listen.lastIndexOf(':');
  const port = Number(listen.slice(at + 1));
  if (at > 0 && Number.isInteger(port) && port >= 0 && port <= 65_535)
    return { host: listen.slice(0, at).replace(/^\[|\]$/g, ''), port };
  throw new UsageError(`--listen must be HOST:PORT, got "${listen}"`);
}

function entryOf({ name, pin }: AssistantIdentity, url: string): string {
  const { field, value } = pin;
  return `${field === 'publicKey' ? '- ' : 'holder: '}{ name: ${name}, ${field}: '${value}', url: '${url}' }`;
}

function countOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (Number.isInteger(count) && count >= 2) return count;
  throw new UsageError(`--min-contributors must be a whole number ≥ 2, got "${text}"`);
}

function tlsOf({ certificate, key }: AssistOptions): { cert: string; key: string } | undefined {
  if ((certificate === undefined) !== (key === undefined)) throw new UsageError('--certificate and --key go together');
  if (certificate === undefined || key === undefined) return undefined;
  const pem = (path: string): string => new TextDecoder().decode(readFileOf(path, 'TLS file'));
  return { cert: pem(certificate), key: pem(key) };
}

const identityKey = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits');
const rosterSchema = z.union([z.array(identityKey), z.record(z.string(), identityKey)]);

/** Identity keys by participant; empty at first for who believes the coordinator. */
function rosterOf({ roster, trustCoordinatorRoster }: AssistOptions): Map<string, Uint8Array> {
  if ((roster === undefined) === (trustCoordinatorRoster !== true)) {
    throw new UsageError(
      'an assistant needs --roster FILE with the identity keys of the participants (sotto party key FILE shows one), or ' +
        '--trust-coordinator-roster where the coordinator is believed about who takes part',
    );
  }
  if (roster === undefined) return new Map();
  const text = new TextDecoder().decode(readFileOf(roster, 'roster'));
  const listed = readDocument(text, { path: roster, schema: rosterSchema });
  const entries = Array.isArray(listed) ? listed.map((key) => [undefined, key] as const) : Object.entries(listed);
  return new Map(
    entries.map(([said, key]) => {
      const id = participantIdOf(fromHex(key));
      if (said === undefined || said === id) return [id, fromHex(key)];
      throw new UsageError(`${roster}: the key of ${said} is that of ${id}`);
    }),
  );
}
