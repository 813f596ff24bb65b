/**
 * The participant as a page has it: `join` of this room in a worker, with identity, ledger and receipts in IndexedDB.
 * Requests in, answers and events out; the worker's message port is not its concern.
 *
 * @module
 */

import canonicalize from 'canonicalize';
import { parse } from 'yaml';
import { z } from 'zod';

import { type SigningKey, toHex, utf8 } from '../../../foundations/crypto/index.ts';
import { createSystemRng } from '../../../foundations/random/index.ts';
import { createDataset, DataError, type Dataset } from '../../../learning/data/index.ts';
import { verifyLedger } from '../../../privacy/accounting/index.ts';
import type { RunPlan } from '../../training/federated/index.ts';
import { ClientError } from '../errors.ts';
import { join, type JoinEvent } from '../join.ts';
import { assertPolicyAccepts, type ParticipantPolicy, policySchema } from '../policy.ts';
import { digestReceipt, findBrokenReceipt, FIRST_RECEIPT, type RoundReceipt } from '../receipts.ts';
import { createTransport, fetchInvited, type Invited, type Transport } from '../transport.ts';
import { deleteParticipantDatabase, openParticipantDatabase, type ParticipantDatabase } from './database.ts';
import { fingerprintOf, loadOrCreateIdentity } from './identity.ts';
import type {
  BudgetView,
  Enrolment,
  HostAnswers,
  HostEvent,
  HostRequest,
  Phase,
  GivenPolicy,
  TaskProgress,
  TaskView,
} from './messages.ts';
import { readDroppedFiles } from './read-files.ts';
import { createRecordList, type RecordList } from './record-list.ts';
import { deriveRun, viewTask } from './task-view.ts';

/** Answers the requests of one page. */
export interface ParticipantHost {
  handle<K extends HostRequest['kind']>(request: Extract<HostRequest, { kind: K }>): Promise<HostAnswers[K]>;
}

/** How often the task's progress is asked for while taking part. */
const PROGRESS_MS = 2500;

interface Known {
  readonly run: RunPlan;
  readonly view: TaskView;
}

/** Creates the host; `onEvent` hears what happens. */
export function createParticipantHost(onEvent: (event: HostEvent) => void): ParticipantHost {
  let opened: Promise<{ database: ParticipantDatabase; key: SigningKey }> | undefined;
  let taking: { stop: AbortController; done: Promise<void>; place: string } | undefined;
  const known = new Map<string, Known>();
  /** Examples read and not yet used, by task. */
  const prepared = new Map<string, Dataset>();

  const open = (): Promise<{ database: ParticipantDatabase; key: SigningKey }> => {
    opened ??= openParticipantDatabase().then(async (database) => ({
      database,
      key: await loadOrCreateIdentity(database),
    }));
    opened.catch(() => (opened = undefined));
    return opened;
  };
  const phase = (name: Phase, note: string | null = null): void => onEvent({ kind: 'phase', phase: name, note });
  /** Hears in every answer whether the coordinator's evidence is simulated, which the page then says. */
  const heedful: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (response.headers.get('sotto-attestation') === 'SIMULATED') onEvent({ kind: 'simulated' });
    return response;
  };
  const listOf = async (kind: 'ledger' | 'receipts' | 'attestation', place: string): Promise<RecordList> =>
    createRecordList((await open()).database, `${kind} ${place}`);

  function learn(taskId: string, invited: Invited): Known {
    const run = deriveRun(invited);
    return { run, view: viewTask(run, { taskId, invited }) };
  }

  async function enrolmentOf(place: string): Promise<(Enrolment & { readonly invited: Invited }) | undefined> {
    const { database } = await open();
    return (await database.get('enrolments', place)) as (Enrolment & { readonly invited: Invited }) | undefined;
  }

  /** The task from memory, from this browser's enrolment, or from the coordinator by invitation. */
  async function look({ url, taskId, token }: { url: string; taskId: string; token: string }): Promise<Known> {
    const place = placeOf({ url, taskId });
    const found = known.get(place);
    if (found !== undefined) return found;
    const invited = (await enrolmentOf(place))?.invited ?? (await fetchInvited({ url, taskId, token, fetch: heedful }));
    const learned = learn(taskId, invited);
    known.set(place, learned);
    return learned;
  }

  async function takePart(request: Extract<HostRequest, { kind: 'join' }>): Promise<void> {
    const { url, taskId, token, label } = request;
    const policy = readPolicy(request.policy);
    const place = placeOf(request);
    const { database, key } = await open();
    const { run, view } = await look(request);
    assertPolicyAccepts(policy, { task: run.task, plan: run.plan, url, epsilonPerRound: run.plan.epsilonPerAttempt });
    const examples = request.data ?? prepared.get(place);
    if (examples === undefined) throw new DataError('data/truncated', 'there are no examples yet: choose files first');
    const dataset = createDataset(examples);
    await stopTaking();
    const stop = new AbortController();
    const transport = createTransport({
      url,
      taskId,
      key,
      rng: createSystemRng(),
      now: () => Date.now(),
      fetch: heedful,
    });
    const receipts = await listOf('receipts', place);
    const attestations = await listOf('attestation', place);
    const newest = (await readReceipts(receipts)).at(-1);
    let writing: Promise<void> = Promise.resolve();
    const hear = (event: JoinEvent): void => {
      switch (event.kind) {
        case 'joined':
          writing = writing.then(() =>
            database.put('enrolments', place, {
              url,
              taskId,
              participant: event.participant,
              label,
              joinedAt: new Date().toISOString(),
              state: 'active',
              task: view,
              invited: { task: view.definition, inputShape: view.inputShape, planDigest: view.planDigest },
            }),
          );
          phase('waiting');
          watchProgress(transport, stop.signal);
          break;
        case 'round':
          writing = writing.then(() => append(receipts, JSON.stringify(event.receipt)));
          void writing.then(() => {
            const { round, outcome, epsilon } = event;
            onEvent({ kind: 'round', round, outcome, epsilon });
          });
          phase('waiting');
          break;
        case 'attested':
          writing = writing.then(() => append(attestations, canonicalize(event.record) as string));
          void writing.then(() => onEvent({ kind: 'attested', outcome: event.record.outcome }));
          break;
        case 'waiting':
          phase('offline', event.reason);
          break;
        case 'refused':
          phase('waiting', event.reason);
          break;
        case 'ended':
          void tellProgress(transport);
          phase('ended', event.state);
          break;
      }
    };
    phase('joining');
    const settle = Promise.withResolvers<void>();
    const done = join({
      url,
      taskId,
      token,
      key,
      label,
      dataset,
      policy,
      fetch: heedful,
      ledgerStore: await listOf('ledger', place),
      stateStore: {
        load: async () => (await database.get('single', stateOf(place))) as Uint8Array | undefined,
        save: (sealed) => database.put('single', stateOf(place), sealed),
      },
      previousReceipt: newest === undefined ? FIRST_RECEIPT : digestReceipt(newest),
      signal: stop.signal,
      onEvent(event) {
        hear(event);
        if (event.kind === 'joined') settle.resolve();
      },
    })
      .then(async () => {
        await writing;
        settle.resolve();
      })
      .catch((error: unknown) => {
        settle.reject(error);
        phase('failed', error instanceof Error ? error.message : 'something went wrong');
      })
      .finally(() => {
        stop.abort();
        if (taking?.stop === stop) taking = undefined;
      });
    taking = { stop, done, place };
    await settle.promise;
  }

  /** Asks how the task stands. @returns whether it goes on. */
  async function tellProgress(transport: Transport): Promise<boolean> {
    try {
      const status = (await transport.status()) as Awaited<ReturnType<Transport['status']>> & Partial<TaskProgress>;
      const { state, round, rounds, accuracy = null, participants = 0 } = status;
      onEvent({ kind: 'progress', progress: { state, round, rounds, accuracy, participants } });
      return state !== 'finished' && state !== 'stopped';
    } catch {
      // The rounds themselves tell when the coordinator is away.
      return true;
    }
  }

  function watchProgress(transport: Transport, signal: AbortSignal): void {
    const ask = async (): Promise<void> => {
      if (signal.aborted) return;
      if (await tellProgress(transport)) setTimeout(() => void ask(), PROGRESS_MS);
    };
    void ask();
  }

  async function stopTaking(): Promise<void> {
    if (taking === undefined) return;
    const { stop, done } = taking;
    stop.abort();
    await done;
  }

  async function budgetOf(place: string): Promise<BudgetView | null> {
    const records = await (await listOf('ledger', place)).read();
    if (records.length === 0) return null;
    const report = verifyLedger(records);
    const account = report.accounts[0];
    if (account === undefined) return null;
    return {
      spent: account.spent.epsilon,
      limit: account.budget.epsilon,
      delta: account.budget.delta,
      charges: report.charges.length,
      head: headOf(report.head),
    };
  }

  const answers: {
    readonly [K in HostRequest['kind']]: (request: Extract<HostRequest, { kind: K }>) => Promise<HostAnswers[K]>;
  } = {
    async open() {
      const { database, key } = await open();
      const rows = (await database.getAll('enrolments')) as Enrolment[];
      return { fingerprint: fingerprintOf(key), enrolments: rows };
    },
    look: async (request) => (await look(request)).view,
    async check(request) {
      const { run } = await look({ ...request, token: '' });
      try {
        const { task, plan } = run;
        assertPolicyAccepts(readPolicy(request.policy), {
          task,
          plan,
          url: request.url,
          epsilonPerRound: plan.epsilonPerAttempt,
        });
        return null;
      } catch (error) {
        if (error instanceof ClientError) return error.message;
        throw error;
      }
    },
    async read(request) {
      const { view } = await look(request);
      const { dataset, summary } = await readDroppedFiles(request.files, {
        ...request.options,
        task: view,
        onProgress: (done, total) => onEvent({ kind: 'reading', done, total }),
      });
      prepared.set(placeOf(request), dataset);
      return summary;
    },
    async join(request) {
      await takePart(request);
      return null;
    },
    async pause() {
      await stopTaking();
      phase('paused');
      return null;
    },
    async leave(request) {
      const place = placeOf(request);
      const wasTaking = taking !== undefined;
      await stopTaking();
      const { database, key } = await open();
      if (!wasTaking) {
        const transport = createTransport({ ...request, key, rng: createSystemRng(), now: () => Date.now() });
        await transport.leave().catch(() => {});
      }
      const enrolment = await enrolmentOf(place);
      if (enrolment !== undefined) await database.put('enrolments', place, { ...enrolment, state: 'left' });
      phase('idle');
      return null;
    },
    budget: (request) => budgetOf(placeOf(request)),
    async receipts(request) {
      const receipts = await readReceipts(await listOf('receipts', placeOf(request)));
      return { receipts, intact: findBrokenReceipt(receipts) === undefined };
    },
    async attestation(request) {
      const newest = (await (await listOf('attestation', placeOf(request))).read()).at(-1);
      if (newest === undefined) return null;
      const { viewRecord } = await import('../../../trust/attestation/index.ts');
      return viewRecord(JSON.parse(new TextDecoder().decode(newest)) as Parameters<typeof viewRecord>[0]);
    },
    async export(request) {
      return (await listOf(request.list, placeOf(request))).export();
    },
    async forget() {
      await stopTaking();
      if (opened !== undefined) (await opened).database.close();
      opened = undefined;
      known.clear();
      prepared.clear();
      await deleteParticipantDatabase();
      phase('idle');
      return null;
    },
  };
  return {
    handle(request) {
      const answer = answers[request.kind] as (asked: typeof request) => Promise<HostAnswers[typeof request.kind]>;
      return answer(request);
    },
  };
}

const stateOf = (place: string): string => `state ${place}`;

/** Names a task of a coordinator. */
function placeOf({ url, taskId }: { url: string; taskId: string }): string {
  return `${url.replace(/\/+$/, '')} ${taskId}`;
}

function headOf(head: { readonly hash?: unknown }): string {
  return head.hash instanceof Uint8Array ? toHex(head.hash) : String(head.hash);
}

/** Reads a policy file's text, or takes a policy as it is. @throws {@link ClientError} naming what is wrong in it. */
function readPolicy(given: GivenPolicy): ParticipantPolicy {
  const parsed = policySchema.safeParse(typeof given === 'string' ? parse(given) : given);
  if (!parsed.success) {
    throw new ClientError('client/policy-refused', `the policy is not one: ${z.prettifyError(parsed.error)}`);
  }
  return parsed.data;
}

async function readReceipts(receipts: RecordList): Promise<RoundReceipt[]> {
  return (await receipts.read()).map((record) => JSON.parse(new TextDecoder().decode(record)) as RoundReceipt);
}

async function append(list: RecordList, line: string): Promise<void> {
  const { length } = await list.read();
  await list.append(utf8(line), { expectedLength: length });
}
