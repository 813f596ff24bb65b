/**
 * `sotto party`: one party of a computation on secrets, as a process of its own that talks to the others over HTTP in
 * channels sealed end to end. Every party runs the same public job with its own secret input.
 *
 * @module
 */

import { createInterface } from 'node:readline';

import { Command } from 'commander';
import { z } from 'zod';

import { createSigningKey, fromHex, sha256, toHex, utf8 } from '../foundations/crypto/index.ts';
import { createSystemRng } from '../foundations/random/index.ts';
import { loadOrCreateKey, readFileOf } from '../runtime/storage/index.ts';
import { sealChannel } from '../secure/mpc/index.ts';
import { UsageError } from './exit-codes.ts';
import { loadOrMakeKey } from './logged-keys.ts';
import { createPartyAssistCommand } from './party-assist.ts';
import { jobSchema, type PartyReport, runJob } from './party-jobs.ts';
import { startPartyServer } from './party-server.ts';
import { readDocument } from './read-document.ts';

const hex32 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits');

const partySchema = z.strictObject({
  /** Names this run; all parties use the same, and never twice. */
  session: z.string().min(1).max(200),
  /** Which of `endpoints` this party is. */
  endpoint: z.int().nonnegative(),
  /** HOST:PORT; port 0 takes any. */
  listen: z.string().regex(/^.+:\d{1,5}$/, 'must be HOST:PORT'),
  /** Origin of pages that may take part. */
  allowOrigin: z.string().optional(),
  /** File of the identity key; made when it is missing. */
  identity: z.string().optional(),
  /** The key itself, from a parent process. */
  identitySeed: hex32.optional(),
  /** The parties, then the dealer when the job needs one. A party that cannot listen has no url. */
  endpoints: z
    .array(z.strictObject({ name: z.string().min(1), url: z.url().optional(), key: hex32 }))
    .min(2)
    .max(64),
  job: jobSchema,
});

/** One party's configuration. */
export type PartyConfig = z.infer<typeof partySchema>;

function parseConfig(text: string, path: string): PartyConfig {
  const config = readDocument(text, { path, schema: partySchema });
  if (config.endpoint >= config.endpoints.length)
    throw new UsageError(`${path}: endpoint must be below ${config.endpoints.length}`);
  return config;
}

/** Creates the command. */
export function createPartyCommand(): Command {
  const command = new Command('party').description('Take part in a computation on secrets, as one of several parties.');
  command
    .command('key')
    .description('make an identity key, or show the public part of one')
    .argument('<file>', 'key file; made when it is missing')
    .option('--json', 'print { publicKey } as JSON')
    .action(async (path: string, { json }: { json?: boolean }) => {
      const publicKey = toHex((await loadOrMakeKey(path)).publicKey);
      process.stdout.write(`${json === true ? JSON.stringify({ publicKey }) : publicKey}\n`);
    });
  command
    .command('run')
    .description('run the job of a configuration')
    .argument('<config>', 'YAML or JSON file; - reads it from standard input')
    .option('--json', 'print the report as JSON, and nothing else, on standard output')
    .action(async (path: string, options: { json?: boolean }) => {
      const report =
        path === '-'
          ? await runPiped()
          : await runParty(parseConfig(new TextDecoder().decode(readFileOf(path, 'party configuration')), path));
      if (options.json === true || path === '-') process.stdout.write(`${JSON.stringify(report)}\n`);
      else process.stdout.write(formatReport(report));
    });
  command.addCommand(createPartyAssistCommand());
  return command;
}

/** A child of `sotto mpc`: configuration in, own address out, everybody's addresses in, report out. One line each. */
async function runPiped(): Promise<PartyReport> {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done === true) throw new UsageError('standard input ended before the configuration was complete');
    return value;
  };
  const config = parseConfig(await next(), 'standard input');
  try {
    return await runParty(config, async (url) => {
      process.stdout.write(`${JSON.stringify({ listening: url })}\n`);
      return z.array(z.url()).parse(JSON.parse(await next()));
    });
  } finally {
    await lines.return?.();
    process.stdin.destroy();
  }
}

async function runParty(
  config: PartyConfig,
  exchange?: (url: string) => Promise<readonly string[]>,
): Promise<PartyReport> {
  const { listen, session, endpoint, endpoints, job } = config;
  const rng = createSystemRng();
  const seed = config.identitySeed === undefined ? undefined : fromHex(config.identitySeed);
  if (seed === undefined && config.identity === undefined)
    throw new UsageError('"identity" must name the file of the identity key');
  const identity = createSigningKey(seed ?? loadOrCreateKey(config.identity as string));
  if (toHex(identity.publicKey) !== endpoints[endpoint]?.key) {
    throw new UsageError(
      `the identity key is ${toHex(identity.publicKey)}, the configuration names another for endpoint ${endpoint}`,
    );
  }
  const at = listen.lastIndexOf(':');
  const server = await startPartyServer({
    host: listen.slice(0, at),
    port: Number(listen.slice(at + 1)),
    allowOrigin: config.allowOrigin,
  });
  try {
    const urls = (await exchange?.(server.url)) ?? endpoints.map(({ url }) => url);
    const peers = urls.map((url, index) => (index === endpoint ? undefined : url));
    // What everybody must agree on is part of the session: a party with another job has other keys.
    const { local: _, ...open } = job;
    const digest = sha256(utf8(JSON.stringify([session, endpoints.map(({ name, key }) => [name, key]), open])));
    const raw = server.channel({ session, endpoint, peers });
    try {
      const roster = endpoints.map(({ key }) => fromHex(key));
      const channel = await sealChannel(raw, { identity, roster, sessionId: digest }, rng);
      return await runJob(channel, job, { names: endpoints.map(({ name }) => name), keys: roster, identity, rng });
    } catch (error) {
      raw.close('this party gave up');
      throw error;
    }
  } finally {
    await server.close();
  }
}

function formatReport(report: PartyReport): string {
  return `${Object.entries(report)
    .map(([name, value]) => `${name.padEnd(16)} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('\n')}\n`;
}
