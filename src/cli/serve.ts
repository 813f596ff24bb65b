/**
 * `sotto serve [TASK]`: the coordinator as a service.
 *
 * @module
 */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { Command } from 'commander';
import { pino } from 'pino';

import { fromHex, toHex } from '../foundations/crypto/index.ts';
import { createEngine } from '../learning/models/index.ts';
import {
  computeCodeDigest,
  OPERATOR_TOKEN_FILE,
  type PagesOptions,
  type Served,
  serve as startService,
  type ServeOptions,
  type TaskFacts,
} from '../runtime/coordinator/index.ts';
import {
  createInsecureSimulatedSource,
  createSelfSignedCertificate,
  createTelemetry,
  fingerprintOfPem,
} from '../runtime/drivers/index.ts';
import { SIMULATED_BANNER } from '../trust/attestation/index.ts';
import { readFileOf } from '../runtime/storage/index.ts';
import { parseTaskFile, type TaskFile } from '../runtime/task/index.ts';
import { planRun, readTaskData } from '../runtime/training/index.ts';
import { alertSinks } from './alert-options.ts';
import { createKitSource, readEvidenceKit, readKitReferences } from './evidence-kit.ts';
import { UsageError } from './exit-codes.ts';
import { vaultOfFolder } from './key-store-options.ts';
import { preloadPages } from './pages.ts';
import { OWN_CERTIFICATE } from './pinned-option.ts';
import { type ProxyCommandOptions, proxyOf, publicUrlOf } from './proxy-options.ts';
import { version } from './version.ts';
import { witnessesOf } from './witness-options.ts';

interface ServeCommandOptions extends ProxyCommandOptions {
  readonly keyStore?: string;
  readonly logKey?: string;
  readonly witness: readonly string[];
  readonly fourEyes?: boolean;
  readonly keepCheckpoints: string;
  readonly alertWebhook: readonly string[];
  readonly alertMail: readonly string[];
  readonly folder: string;
  readonly host: string;
  readonly port: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly tls?: boolean;
  readonly tlsName: readonly string[];
  readonly clientAuthority?: string;
  readonly attestation?: boolean;
  readonly attestationWith?: string;
  readonly codeDigest?: string;
  readonly insecureSimulatedAttestation?: string | true;
  readonly node?: boolean;
  readonly advertise?: string;
  readonly rate: string;
  readonly page?: boolean;
  readonly oidc?: string;
  readonly invitations: string;
  readonly json?: boolean;
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

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
    .option('--tls', 'serve TLS with a certificate of our own, made once and kept in the folder; participants pin it')
    .option('--tls-name <name...>', 'further names and addresses in that certificate', [])
    .option('--client-authority <file>', 'authority, PEM, whose certificates enrol participants without an invitation')
    .option('--attestation', 'answer challenges with evidence of this machine’s trusted execution environment')
    .option(
      '--attestation-with <file>',
      'certificates, collateral and reference values that go with the evidence, YAML; read anew for every challenge',
    )
    .option('--code-digest <hex>', 'digest of the code that evidence binds (default: computed from the running code)')
    .option(
      '--insecure-simulated-attestation [measurement]',
      'answer with SIMULATED evidence, which protects nothing: for tests and demonstrations',
    )
    .option(
      '--node',
      'one of several coordinators on the PostgreSQL of DATABASE_URL (leases in it, or in SOTTO_NATS_URL)',
    )
    .option('--advertise <url>', 'address under which the other nodes reach this one')
    .option('--rate <requests>', 'requests a second that one address may send', '200')
    .option('--no-page', 'serve no pages for people')
    .option('--public-url <url>', 'address that people and invitations use, where it is another than the one served on')
    .option(
      '--trust-proxy <address,…>',
      'address or range of a proxy that ends TLS before the coordinator; its headers, and nobody else’s, say where a request comes from; repeatable',
      (value: string, before: readonly string[]) => [...before, ...value.split(',').map((each) => each.trim())],
      [],
    )
    .option(
      '--proxy-headers <kind>',
      'headers that this proxy writes: x-forwarded, or forwarded (RFC 7239)',
      'x-forwarded',
    )
    .option(
      '--oidc <issuer>',
      'let people sign in at this OpenID Connect provider; needs SOTTO_OIDC_CLIENT_ID, and SOTTO_OIDC_CLIENT_SECRET unless PKCE alone is asked for',
    )
    .option('--invitations <count>', 'invitations to print for the task', '0')
    .option('--key-store <folder>', 'seal ledgers and objects under a key of this key store')
    .option('--log-key <file>', 'private key of the tasks’ logs, made when it is missing (default: in the folder)')
    .option(
      '--witness <url,key>',
      'have a witness cosign the logs (c2sp.org/tlog-witness); KEY as NAME+ID+KEY or a file; repeatable',
      collect,
      [],
    )
    .option('--keep-checkpoints <count>', 'checkpoints of the newest rounds to keep of each task', '50')
    .option('--four-eyes', 'a release takes two who approve it, neither of them who proposed it')
    .option('--alert-webhook <url>', 'send alerts there, signed with SOTTO_WEBHOOK_SECRET; repeatable', collect, [])
    .option('--alert-mail <address>', 'send alerts there by the server in SOTTO_SMTP_URL; repeatable', collect, [])
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
  const keepCheckpoints = Number(options.keepCheckpoints);
  if (!(Number.isSafeInteger(keepCheckpoints) && keepCheckpoints >= 1))
    throw new UsageError(`--keep-checkpoints must be a whole number ≥ 1, got ${options.keepCheckpoints}`);
  const rate = Number(options.rate);
  if (!(rate > 0 && Number.isFinite(rate))) throw new UsageError(`--rate must be a number > 0, got ${options.rate}`);
  if (options.node === true && process.env.DATABASE_URL === undefined) {
    throw new UsageError('--node needs DATABASE_URL: several nodes share one PostgreSQL');
  }
  const publicUrl = publicUrlOf(options);
  const proxy = proxyOf(options, publicUrl);
  const tls = await tlsOf(options);
  const attestation = attestationOf(options);
  const vault = await vaultOfFolder(options.folder, options.keyStore);
  const log = pino({ redact: ['token', 'authorization', 'parameters', 'payload'] }, pino.destination(2));
  const text = taskPath === undefined ? undefined : new TextDecoder().decode(readFileOf(taskPath, 'task file'));
  const name = text === undefined ? undefined : parseTaskFile(text, { path: taskPath ?? 'task' }).task;
  // Set or not, it is known before anything is opened.
  const telemetry = createTelemetry({
    env: process.env,
    version,
    onFailure: (reason) => log.warn({ reason }, 'telemetry'),
  });
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
    ...(tls === undefined ? {} : { tls }),
    ...(telemetry === undefined ? {} : { telemetry }),
    ...(attestation === undefined ? {} : { attestation }),
    ...(options.node === true
      ? {
          nodes: {
            ...(options.advertise === undefined ? {} : { advertise: options.advertise }),
            ...(process.env.SOTTO_NATS_URL === undefined ? {} : { natsUrl: process.env.SOTTO_NATS_URL }),
          },
        }
      : {}),
    rateLimit: { requestsPerSecond: rate, burst: rate * 5 },
    ...(proxy === undefined ? {} : { proxy }),
    factsOf: (task) => factsOf(task, taskPath === undefined ? process.cwd() : dirname(taskPath)),
    log({ level, ...fields }, message) {
      const at = level === 'error' || level === 'warn' ? level : 'info';
      if (attestation?.simulated !== true) log[at](fields, message);
      else log[at]({ ...fields, attestation: 'SIMULATED' }, `[SIMULATED] ${message}`);
    },
    alerts: { sinks: alertSinks(options) },
    witnesses: witnessesOf(options.witness),
    fourEyes: options.fourEyes === true,
    keepCheckpoints,
    ...(vault === undefined ? {} : { vault }),
    ...(options.keyStore === undefined ? {} : { keyStore: { folder: options.keyStore } }),
    ...(options.logKey === undefined ? {} : { logKeyFile: options.logKey }),
    ...(options.page === false ? {} : { pages: pagesOf(options, publicUrl) }),
    ...faultPoint(),
  });
  const { id, tokens } = await openTask(served, { text, name, invitations }).catch(async (error: unknown) => {
    // A coordinator whose task was refused serves nothing, and holds neither address nor folder.
    await served.close();
    throw error;
  });
  const fingerprint = tls === undefined ? undefined : fingerprintOfPem(tls.certificate);
  const facts = {
    url: served.url,
    publicUrl: publicUrl ?? null,
    task: id ?? null,
    tokens,
    fingerprint: fingerprint ?? null,
    attestation:
      attestation === undefined
        ? null
        : { codeDigest: toHex(attestation.codeDigest), simulated: attestation.simulated ?? false },
  };
  if (options.json === true) process.stdout.write(`${JSON.stringify(facts)}\n`);
  else printAddresses(facts);
  if (options.json !== true && options.page !== false) {
    process.stdout.write(
      `page for people: ${publicUrl ?? served.url}/  (the first account asks for the code in ${join(options.folder, OPERATOR_TOKEN_FILE)})\n`,
    );
  }
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
    served.shutdownRequested.then(resolve, () => {});
  });
  await served.close();
}

/** The task of the file: the one of its name that the folder has, or a new one; with invitations to it. */
async function openTask(
  { service }: Served,
  {
    text,
    name,
    invitations,
  }: { readonly text: string | undefined; readonly name: string | undefined; readonly invitations: number },
): Promise<{ readonly id: string | undefined; readonly tokens: readonly string[] }> {
  if (text === undefined) return { id: undefined, tokens: [] };
  const known = service.tasks().find((task) => task.status().name === name);
  const { id } = (known ?? (await service.createTask(text))).status();
  const tokens: string[] = [];
  for (let i = 0; i < invitations; i += 1) tokens.push((await service.invite(id)).token);
  return { id, tokens };
}

interface Facts {
  readonly url: string;
  readonly publicUrl: string | null;
  readonly task: string | null;
  readonly tokens: readonly string[];
  readonly fingerprint: string | null;
  readonly attestation: { readonly codeDigest: string; readonly simulated: boolean } | null;
}

function printAddresses({ url, publicUrl, task, tokens, fingerprint, attestation }: Facts): void {
  const mark = attestation?.simulated === true ? '[SIMULATED] ' : '';
  const say = (line: string): void => void process.stdout.write(`${mark}${line}\n`);
  if (mark !== '') say(SIMULATED_BANNER);
  say(publicUrl === null ? `serving on ${url}` : `serving on ${url}, reached at ${publicUrl}`);
  if (fingerprint !== null) say(`certificate sha256:${fingerprint}`);
  if (attestation !== null) {
    say(`attested code ${attestation.codeDigest}`);
  }
  if (task !== null) say(`task ${task}`);
  say('admits participants itself: masks hold against an honest-but-curious coordinator,');
  say('and against a malicious one where participants name an enrolment authority in their policies');
  // Whoever comes by a public address meets the certificate there, which need not be ours.
  const pin = fingerprint === null || publicUrl !== null ? '' : ` --fingerprint ${fingerprint}`;
  for (const token of tokens) say(`  sotto join ${publicUrl ?? url}${pin} --task ${task} --token ${token} --data DIR`);
}

const OWN_KEY = 'tls.key';

/** The certificate that was given, or the one of our own, made at the first start. */
async function tlsOf(options: ServeCommandOptions): Promise<ServeOptions['tls']> {
  const { certificate, key, clientAuthority, folder } = options;
  const isPlain = certificate === undefined && options.tls !== true;
  if (isPlain && clientAuthority !== undefined) {
    throw new UsageError(
      '--client-authority needs --tls, or --certificate and --key; a proxy that ends TLS keeps certificates of participants to ' +
        'itself: let it pass theirs through, or give them invitations',
    );
  }
  if (isPlain) return undefined;
  const authorities = clientAuthority === undefined ? {} : { clientAuthorities: readPem(clientAuthority) };
  if (certificate !== undefined && key !== undefined) {
    return { certificate: readPem(certificate), key: readPem(key), ...authorities };
  }
  const paths = { certificate: join(folder, OWN_CERTIFICATE), key: join(folder, OWN_KEY) };
  if (!existsSync(paths.certificate)) {
    mkdirSync(folder, { recursive: true });
    const hosts = [...new Set(['localhost', '127.0.0.1', options.host, ...options.tlsName])];
    const made = await createSelfSignedCertificate(hosts, { now: new Date() });
    writeFileSync(paths.key, made.key, { mode: 0o600 });
    writeFileSync(paths.certificate, made.certificate);
  }
  return { certificate: readPem(paths.certificate), key: readPem(paths.key), ...authorities };
}

/** What evidence is made by: the machine's device, or, asked for by its long name alone, a simulation. */
function attestationOf(options: ServeCommandOptions): ServeOptions['attestation'] {
  const { attestation, attestationWith, insecureSimulatedAttestation: simulated, codeDigest } = options;
  if (attestation !== true && simulated === undefined) {
    if (attestationWith !== undefined) throw new UsageError('--attestation-with goes with --attestation');
    return undefined;
  }
  if (attestation === true && simulated !== undefined) {
    throw new UsageError('--attestation and --insecure-simulated-attestation exclude each other');
  }
  if (codeDigest !== undefined && !/^[0-9a-f]{64}$/.test(codeDigest)) {
    throw new UsageError('--code-digest must be 64 lower-case hexadecimal digits');
  }
  const digest = codeDigest === undefined ? computeCodeDigest() : fromHex(codeDigest);
  const kit = attestationWith === undefined ? undefined : readEvidenceKit(attestationWith);
  const references = kit === undefined ? [] : readKitReferences(kit);
  if (simulated === undefined) return { source: createKitSource(kit), codeDigest: digest, references };
  const measurement = simulated === true ? SIMULATED_MEASUREMENT : simulated;
  if (!/^[0-9a-f]{96}$/.test(measurement)) {
    throw new UsageError('the simulated measurement must be 96 lower-case hexadecimal digits');
  }
  const warn = (message: string): void => void process.stderr.write(`${message}\n`);
  const source = createInsecureSimulatedSource({ measurement }, { warn });
  return { source, codeDigest: digest, references, simulated: true };
}

/** What a simulation says that it measured when nothing else is asked for. */
const SIMULATED_MEASUREMENT = '5a'.repeat(48);

function readPem(path: string): string {
  return new TextDecoder().decode(readFileOf(path, 'TLS file'));
}

/** The pages, and who may sign in on them. */
function pagesOf({ oidc }: ServeCommandOptions, publicUrl: string | undefined): PagesOptions {
  const clientId = process.env.SOTTO_OIDC_CLIENT_ID;
  const clientSecret = process.env.SOTTO_OIDC_CLIENT_SECRET;
  if (oidc !== undefined && (!URL.canParse(oidc) || clientId === undefined)) {
    throw new UsageError('--oidc takes the address of the provider, and SOTTO_OIDC_CLIENT_ID must say who asks');
  }
  return {
    dashboard: preloadPages('dashboard'),
    participant: preloadPages('participant'),
    version,
    ...(publicUrl === undefined ? {} : { publicUrl }),
    ...(oidc === undefined || clientId === undefined
      ? {}
      : { oidc: { issuer: oidc, clientId, ...(clientSecret === undefined ? {} : { clientSecret }) } }),
  };
}

/** What the coordinator knows of a task's data: the shape of an example, and public test data where it has some. */
async function factsOf(task: TaskFile, baseFolder: string): Promise<TaskFacts> {
  if (task.model.input !== undefined && !hasData(task, baseFolder)) return { inputShape: task.model.input };
  const test = await readTaskData(task, { part: 'test', baseFolder });
  const { layers, prepare, personal } = planRun(task, test);
  const dataset = prepare(test);
  const engine = createEngine(layers);
  return {
    inputShape: test.inputShape,
    evaluate: (shared) =>
      Promise.resolve(engine.evaluate({ parameters: personal?.complete(shared) ?? shared, dataset })),
  };
}

function hasData(task: TaskFile, baseFolder: string): boolean {
  const { data } = task;
  if (data.kind === 'files') return existsSync(resolve(baseFolder, data.heldOut));
  return data.package !== undefined || existsSync(resolve(baseFolder, data.folder ?? ''));
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
