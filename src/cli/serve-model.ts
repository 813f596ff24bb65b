/**
 * `sotto serve-model RUN`: answers questions about a model over HTTP, for callers who were given a token, within limits, with a
 * line of audit and a leaf of the log for every answer.
 *
 * @module
 */

import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { getRequestListener } from '@hono/node-server';
import { Command } from 'commander';
import { z } from 'zod';

import { sha256, toHex, utf8 } from '../foundations/crypto/index.ts';
import { createSystemRng, readEntropy } from '../foundations/random/index.ts';
import {
  AnswersError,
  argmax,
  type AnswerMode,
  type AuditLine,
  countsToQuota,
  createAnswerDesk,
  createPrivateVotes,
  obfuscateScores,
  type PrivateVotes,
  type VoteEntry,
} from '../learning/answers/index.ts';
import { createLedger } from '../privacy/accounting/index.ts';
import { appendSynced, createLedgerFile, readFileOf } from '../runtime/storage/index.ts';
import { type AnswerService, createAnswerApp, type Question } from './answer-app.ts';
import { openRunRecorder } from './answer-record.ts';
import { type AnsweringModel, guaranteeOf, openAnsweringModel } from './answering.ts';
import { UsageError } from './exit-codes.ts';
import { integerOption } from './mpc.ts';
import { createImageReader, createRowReader, createTextReader } from './questions.ts';

interface ServeModelOptions {
  readonly callers: string;
  readonly invite?: string;
  readonly host: string;
  readonly port: string;
  readonly quota: string;
  readonly rate: string;
  readonly windowSeconds: string;
  readonly top: string;
  readonly digits: string;
  readonly obfuscate?: string;
  readonly teachers?: readonly string[];
  readonly threshold?: string;
  readonly checkStddev?: string;
  readonly answerStddev?: string;
  readonly budget?: string;
  readonly delta: string;
  readonly ledger?: string;
  readonly publishCost?: boolean;
  readonly audit?: string;
  readonly json?: boolean;
}

/** Creates the command. */
export function createServeModelCommand(): Command {
  return new Command('serve-model')
    .description('Answer questions about a model over HTTP: in a named mode, within limits, with an audit trail.')
    .argument('<run>', 'run folder with model.safetensors')
    .requiredOption('--callers <file>', 'who may ask: names with digests of their tokens')
    .option('--invite <name>', 'add a caller, print its token once, and end')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', '0 takes a free one', '7900')
    .option('--quota <count>', 'answers a caller gets in all, restarts included', '1000')
    .option('--rate <count>', 'questions a caller may ask in a window', '60')
    .option('--window-seconds <seconds>', 'length of that window', '60')
    .option('--top <count>', 'classes that are told', '1')
    .option('--digits <count>', 'decimal digits of a score; 0 tells labels alone', '2')
    .option('--obfuscate <range>', 'noise on the scores of a model without privacy: GUARANTEES NOTHING, and says so')
    .option('--teachers <runs...>', 'private votes: this run and these, trained on disjoint data, vote with noise')
    .option('--threshold <votes>', 'private votes: noisy votes that the winner must have')
    .option('--check-stddev <number>', 'private votes: noise of the check')
    .option('--answer-stddev <number>', 'private votes: noise on every count')
    .option('--budget <epsilon>', 'private votes: for all callers together, for good')
    .option('--delta <number>', 'private votes: at this delta', '1e-5')
    .option('--ledger <file>', 'private votes: ledger of the teachers’ data')
    .option('--publish-cost', 'private votes: publish once what the answers cost this data, charged, and end')
    .option('--audit <file>', 'a line an answer or refusal (default: RUN/answers.jsonl)')
    .option('--json', 'print the address, or the token, as one line of JSON')
    .action((run: string, options: ServeModelOptions) => serveModel(run, options));
}

const callersSchema = z.array(
  z.strictObject({ caller: z.string().min(1).max(80), tokenDigest: z.string().length(64) }),
);
const digestOf = (token: string): string => toHex(sha256(utf8(`sotto caller\n${token}`)));

function readLines(path: string): unknown[] {
  if (!existsSync(path)) return [];
  const lines = new TextDecoder().decode(readFileOf(path, 'lines')).split('\n').slice(0, -1);
  return lines.map((line, i) => {
    try {
      return JSON.parse(line) as unknown;
    } catch {
      throw new UsageError(`${path}:${i + 1} is not JSON`);
    }
  });
}

function readCallers(path: string): ReadonlyMap<string, string> {
  const read = callersSchema.safeParse(readLines(path));
  if (!read.success) throw new UsageError(`${path} is no list of callers: ${z.prettifyError(read.error)}`);
  return new Map(read.data.map(({ caller, tokenDigest }) => [tokenDigest, caller]));
}

function positiveOption(text: string | undefined, name: string): number {
  const value = Number(text);
  if (text === undefined || !(value > 0 && value < Infinity)) {
    throw new UsageError(`${name} must be a number > 0, got ${text ?? 'nothing'}`);
  }
  return value;
}

async function serveModel(run: string, options: ServeModelOptions): Promise<void> {
  const { callers: path, invite } = options;
  const callers = readCallers(path);
  if (invite !== undefined) {
    if ([...callers.values()].includes(invite)) throw new UsageError(`${path} has a caller "${invite}" already`);
    const token = toHex(readEntropy(32));
    appendSynced(path, `${JSON.stringify({ caller: invite, tokenDigest: digestOf(token) })}\n`);
    process.stdout.write(options.json === true ? `${JSON.stringify({ caller: invite, token })}\n` : `${token}\n`);
    return;
  }
  if (options.publishCost === true) {
    await publishCost(run, options);
    return;
  }
  if (callers.size === 0)
    throw new UsageError(`${path} names no caller: sotto serve-model ${run} --callers ${path} --invite NAME`);
  const port = integerOption(options.port, '--port', { min: 0, max: 65_535 });
  const { service, close } = await openService(run, { ...options, known: callers });
  const app = createAnswerApp(service);
  const listener = getRequestListener(app.fetch);
  const server = createServer((request, response) => void listener(request, response));
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, options.host, resolve);
    });
  } catch (cause) {
    close();
    throw new UsageError(`${options.host}:${port} cannot be listened on (${(cause as NodeJS.ErrnoException).code})`);
  }
  const url = `http://${options.host}:${(server.address() as AddressInfo).port}`;
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify({ url, mode: service.mode })}\n`
      : `${url}  (Ctrl-C ends)\nmode       ${service.mode}\nguarantee  ${service.promise}\ninterface  ${url}/openapi.json\n`,
  );
  await new Promise<void>((done) => {
    process.once('SIGINT', () => done());
    process.once('SIGTERM', () => done());
  });
  await new Promise<void>((done) => {
    server.close(() => done());
    server.closeAllConnections();
  });
  close();
}

/** How scores come about. */
interface Scoring {
  readonly mode: AnswerMode;
  readonly promise: string;
  scores(question: Question): Promise<ArrayLike<number>>;
  /** The last charge, where answers are charged. */
  readonly reservation: () => string | null;
}

/** Opens what the application serves. @param options - `known`: names by the digests of their tokens. */
export async function openService(
  run: string,
  options: ServeModelOptions & { readonly known: ReadonlyMap<string, string> },
): Promise<{ service: AnswerService; close: () => void }> {
  const model = openAnsweringModel(run);
  const limits = {
    perCaller: integerOption(options.quota, '--quota', { min: 1, max: 1e9 }),
    perWindow: integerOption(options.rate, '--rate', { min: 1, max: 1e6 }),
    windowMs: 1000 * integerOption(options.windowSeconds, '--window-seconds', { min: 1, max: 86_400 }),
    top: integerOption(options.top, '--top', { min: 1, max: model.classes }),
    digits: integerOption(options.digits, '--digits', { min: 0, max: 6 }),
  };
  const scoring = options.teachers === undefined ? scoringOf(model, options) : await scoreByVotes(model, options);
  const audit = options.audit ?? join(run, 'answers.jsonl');
  const before = new Map<string, number>();
  for (const line of readLines(audit)) {
    const { caller, ...told } = line as Partial<AuditLine>;
    if (caller !== undefined && countsToQuota(told as AuditLine)) before.set(caller, (before.get(caller) ?? 0) + 1);
  }
  const recorder = await openRunRecorder(run, model);
  const desk = createAnswerDesk({
    mode: scoring.mode,
    limits,
    clock: () => Date.now(),
    audit: (line) => appendSynced(audit, `${JSON.stringify(line)}\n`),
    before,
  });
  return {
    close: () => recorder?.close(),
    service: {
      name: model.name,
      takes: takenBy(model),
      classNames: model.classNames,
      mode: scoring.mode,
      promise: scoring.promise,
      limits,
      desk,
      callerOf: (token) => (token === undefined ? undefined : options.known.get(digestOf(token))),
      scores: (question) => scoring.scores(question),
      record: async (question) =>
        (await recorder?.record(utf8(JSON.stringify(question)), {
          purpose: 'sotto serve-model',
          reservation: scoring.reservation(),
        })) ?? null,
      log: (error) => console.error('sotto serve-model failed:', error),
    },
  };
}

function takenBy({ encoding, inputShape, tokens }: AnsweringModel): AnswerService['takes'] {
  if (encoding !== null) return encoding.kind;
  if (inputShape.length > 1) return 'image';
  return tokens === null ? 'numbers' : 'text';
}

/** What computes a model's probabilities for a question. */
function askerOf(model: AnsweringModel): (question: Question) => Float32Array {
  return (question) => {
    if ('text' in question) return model.probabilities(createTextReader(model)(question.text));
    if ('row' in question) return model.probabilities(createRowReader(model)([question.row]));
    const bytes = new Uint8Array(Buffer.from(question.image, 'base64'));
    return model.probabilities(createImageReader(model, { invert: false })(bytes, 'the image'));
  };
}

function scoringOf(model: AnsweringModel, { obfuscate }: ServeModelOptions): Scoring {
  const ask = askerOf(model);
  const reservation = (): null => null;
  if (obfuscate === undefined) {
    const mode = model.promise === null ? 'not-private' : 'dp-trained-model';
    return { mode, promise: guaranteeOf(model), scores: (question) => Promise.resolve(ask(question)), reservation };
  }
  if (model.promise !== null) {
    throw new UsageError(
      '--obfuscate is for models without privacy: this one was trained privately and needs no noise',
    );
  }
  const range = positiveOption(obfuscate, '--obfuscate');
  const rng = createSystemRng();
  return {
    mode: 'obfuscation-only',
    promise: 'NONE: noise on the scores of a model that was trained without privacy guarantees nothing',
    scores: (question) => Promise.resolve(obfuscateScores(ask(question), { range }, rng)),
    reservation,
  };
}

/** What is kept of votes beside their ledger, for its holder alone. */
const voteEntrySchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('query') }),
  z.strictObject({ kind: z.literal('answer'), gap: z.int().nonnegative() }),
  z.strictObject({ kind: z.literal('published') }),
]);

function readVotes(path: string): readonly VoteEntry[] {
  const read = z.array(voteEntrySchema).safeParse(readLines(path));
  if (!read.success) throw new UsageError(`${path} is no record of votes`);
  return read.data;
}

interface OpenedVotes {
  readonly teachers: readonly AnsweringModel[];
  readonly votes: PrivateVotes;
  readonly budget: { readonly epsilon: number; readonly delta: number };
  /** The last charge. */
  readonly reservation: () => string | null;
}

async function openVotes(model: AnsweringModel, options: ServeModelOptions): Promise<OpenedVotes> {
  const others = (options.teachers ?? []).map(openAnsweringModel);
  const teachers = [model, ...others];
  for (const other of others) {
    if (other.classNames.join('\n') !== model.classNames.join('\n') || takenBy(other) !== takenBy(model)) {
      throw new UsageError('teachers must take and tell the same');
    }
  }
  const { ledger: path } = options;
  if (path === undefined) throw new UsageError('private votes need --ledger FILE: every answer is charged');
  const budget = {
    epsilon: positiveOption(options.budget, '--budget'),
    delta: positiveOption(options.delta, '--delta'),
  };
  const ledger = await createLedger({
    store: createLedgerFile(path),
    clock: () => new Date(),
    accountant: 'rdp',
    budget,
    relation: 'add-or-remove-one',
    privacyUnit: 'example',
    dataset: 'data of the teachers',
    order: 16,
  });
  const record = `${path}.votes`;
  const earlier = readVotes(record);
  const { charges } = await ledger.verify();
  const told = charges.filter(({ status }) => status === 'committed').length;
  if (earlier.length < told) {
    throw new UsageError(
      `${record} remembers ${earlier.length} steps and the ledger ${told}: what the votes cost could no longer be published. Put the record back, or open a new ledger for other data`,
    );
  }
  if (!existsSync(record)) writeFileSync(record, '', { mode: 0o600 });
  let last: string | null = null;
  const votes = createPrivateVotes({
    teachers: teachers.length,
    classes: model.classes,
    threshold: positiveOption(options.threshold, '--threshold'),
    checkStddev: positiveOption(options.checkStddev, '--check-stddev'),
    answerStddev: positiveOption(options.answerStddev, '--answer-stddev'),
    earlier,
    remember: (entry) => appendSynced(record, `${JSON.stringify(entry)}\n`),
    ledger: {
      ...ledger,
      async reserve(request) {
        const reservation = await ledger.reserve(request);
        last = reservation.id;
        return reservation;
      },
    },
  });
  return { teachers, votes, budget, reservation: () => last };
}

async function publishCost(run: string, options: ServeModelOptions): Promise<void> {
  if (options.teachers === undefined) throw new UsageError('--publish-cost is for private votes: name --teachers');
  const { votes, budget } = await openVotes(openAnsweringModel(run), options);
  const cost = await votes.publishCost({ delta: budget.delta }, createSystemRng());
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify(cost)}\n`
      : `answers    ${cost.answered} of ${cost.queries} questions
cost       ε ≤ ${cost.epsilon.toFixed(3)} at δ = ${cost.delta} for this data, with confidence ${cost.confidence}
any data   ε = ${cost.dataIndependentEpsilon.toFixed(3)}
closed     nothing more is answered from this ledger: the statement would not hold
`,
  );
}

async function scoreByVotes(model: AnsweringModel, options: ServeModelOptions): Promise<Scoring> {
  const { teachers, votes, budget, reservation } = await openVotes(model, options);
  const rng = createSystemRng();
  const asked = teachers.map(askerOf);
  let queue: Promise<unknown> = Promise.resolve();
  return {
    mode: 'private-votes',
    promise: `noisy votes of ${teachers.length} teachers trained on disjoint data; every question is charged to ε = ${budget.epsilon} at δ = ${budget.delta}, for all callers together`,
    reservation,
    scores(question) {
      // One after the other: whether an answer is charged depends on the check before it.
      const next = queue.then(async () => {
        // Asked before anything is charged: a question that the teachers do not take costs nobody's budget.
        const labels = asked.map((ask) => argmax(ask(question), 0, model.classes));
        const answer = await votes.answer(() => labels, rng);
        if (answer.kind === 'no-consensus') {
          throw new AnswersError('answers/no-consensus', 'the teachers did not agree; the question was charged');
        }
        return Float64Array.from({ length: model.classes }, (_, i) => (i === answer.label ? 1 : 0));
      });
      queue = next.catch(() => undefined);
      return next;
    },
  };
}
