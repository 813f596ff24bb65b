/**
 * A participant's life in a task: join, check the task against the own policy, answer rounds, come back after every
 * interruption. Every attempt is charged to the participant's own ledger before its data is touched.
 *
 * @module
 */

import { createTransport, type Transport } from './transport.ts';
import { equalBytes, fromHex, type SigningKey } from '../../foundations/crypto/index.ts';
import { SottoError } from '../../foundations/numerics/index.ts';
import { createSystemRng } from '../../foundations/random/index.ts';
import type { Dataset } from '../../learning/data/index.ts';
import { createEngine } from '../../learning/models/index.ts';
import { createLedger, type Ledger, type LedgerStore, type Reservation } from '../../privacy/accounting/index.ts';
import { parseTaskFile, type TaskFile } from '../task/index.ts';
import { createContributor, planRun, type RunPlan } from '../training/index.ts';
import { ClientError } from './errors.ts';
import { createParticipant } from './participant.ts';
import { assertPolicyAccepts, DEFAULT_POLICY, type ParticipantPolicy } from './policy.ts';

/** What the host of a participant is told. */
export type JoinEvent =
  | { readonly kind: 'joined'; readonly participant: string; readonly run: RunPlan }
  | {
      readonly kind: 'round';
      readonly round: number;
      readonly outcome: 'committed' | 'aborted';
      readonly epsilon: number | null;
    }
  | { readonly kind: 'waiting'; readonly reason: string; readonly retryMs: number }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'ended'; readonly state: string };

/** How to take part. */
export interface JoinOptions {
  readonly url: string;
  readonly taskId: string;
  /** Invitation; needed the first time. */
  readonly token: string;
  readonly key: SigningKey;
  readonly label: string;
  readonly dataset: Dataset;
  readonly policy?: ParticipantPolicy;
  /** Where the participant keeps its own ledger. */
  readonly ledgerStore: LedgerStore;
  readonly signal: AbortSignal;
  readonly onEvent?: (event: JoinEvent) => void;
  readonly fetch?: typeof fetch;
}

const WAIT_MS = 20_000;
const MIN_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 15_000;

/**
 * Takes part until the task ends or the signal says stop.
 * @throws {@link ClientError} when the coordinator refuses for good, or the policy refuses the task.
 */
export async function join(options: JoinOptions): Promise<void> {
  const { url, taskId, key, signal, onEvent = () => {} } = options;
  const transport = createTransport({
    url,
    taskId,
    key,
    rng: createSystemRng(),
    now: () => Date.now(),
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
  });
  const retry = createRetry(signal, (reason, retryMs) => onEvent({ kind: 'waiting', reason, retryMs }));
  const joined = await retry(() => transport.join({ label: options.label, token: options.token }));
  if (joined === undefined) return;
  const run = planRun(parseTaskFile(joined.task, { path: 'the coordinator’s task' }), {
    inputShape: joined.inputShape,
  });
  const { task, plan } = run;
  if (!equalBytes(plan.digest, fromHex(joined.planDigest))) {
    throw new ClientError(
      'client/policy-refused',
      'this side derives another plan from the task than the coordinator: versions differ',
    );
  }
  const ledger = await openLedger(task, options.ledgerStore);
  assertPolicyAccepts(options.policy ?? DEFAULT_POLICY, { task, plan, url, epsilonPerRound: plan.epsilonPerAttempt });
  onEvent({ kind: 'joined', participant: joined.participant, run });

  const contributor = createContributor({
    plan,
    engine: createEngine(run.layers),
    dataset: run.prepare(options.dataset),
  });
  let reservation: Reservation | undefined;
  const participant = createParticipant({
    id: joined.participant,
    taskId: run.taskId,
    plan,
    contributor,
    rng: () => createSystemRng(),
    async beforeContribution({ round, attempt }) {
      if (ledger === undefined || plan.event === undefined) return;
      reservation = await ledger.reserve({ event: plan.event, purpose: 'training', round, attempt });
    },
    async afterRound({ round }, outcome) {
      if (reservation !== undefined) await ledger?.commit(reservation);
      reservation = undefined;
      onEvent({ kind: 'round', round, outcome, epsilon: ledger?.spent().epsilon ?? null });
    },
  });

  let cursor = 0;
  while (!signal.aborted) {
    const mail = await retry(() => transport.mail(cursor, { waitMs: WAIT_MS, signal }));
    if (mail === undefined) break;
    if (mail.length === 0) {
      const status = await retry(() => transport.status());
      if (status !== undefined && ['finished', 'stopped'].includes(status.state)) {
        onEvent({ kind: 'ended', state: status.state });
        return;
      }
    }
    for (const { cursor: at, bytes } of mail) {
      await answer(bytes, { participant, transport, retry, onEvent });
      cursor = at;
    }
  }
  await transport.leave().catch(() => {});
}

/** Answers one message; what this side refuses is told to its host and not sent. */
async function answer(
  bytes: Uint8Array,
  {
    participant,
    transport,
    retry,
    onEvent,
  }: {
    participant: ReturnType<typeof createParticipant>;
    transport: Transport;
    retry: Retry;
    onEvent: (event: JoinEvent) => void;
  },
): Promise<void> {
  let replies: Uint8Array[];
  try {
    replies = await participant.receive(bytes);
  } catch (error) {
    if (!(error instanceof SottoError)) throw error;
    onEvent({ kind: 'refused', reason: error.message });
    return;
  }
  for (const reply of replies) {
    try {
      await retry(() => transport.send(reply));
    } catch (error) {
      // The stage is over, or the coordinator has the message already: the round goes on without this answer.
      if (!(error instanceof ClientError)) throw error;
      onEvent({ kind: 'refused', reason: error.message });
    }
  }
}

async function openLedger(task: TaskFile, store: LedgerStore): Promise<Ledger | undefined> {
  const { privacy } = task;
  if (privacy.trust === 'off') return undefined;
  return createLedger({
    store,
    budget: { epsilon: privacy.epsilon, delta: privacy.delta },
    relation: privacy.relation,
    privacyUnit: privacy.privacyUnit,
    dataset: task.task,
    accountant: privacy.accountant,
    clock: () => new Date(),
  });
}

type Retry = <T>(call: () => Promise<T>) => Promise<T | undefined>;

/** Repeats a call with growing pauses while its failure is one that may pass; undefined when told to stop. */
function createRetry(signal: AbortSignal, onWait: (reason: string, retryMs: number) => void): Retry {
  return async (call) => {
    let backoffMs = MIN_BACKOFF_MS;
    while (!signal.aborted) {
      try {
        return await call();
      } catch (error) {
        if (signal.aborted) return undefined;
        if (!(error instanceof SottoError) || !error.retryable) throw error;
        onWait(error.message, backoffMs);
        await pause(backoffMs, signal);
        backoffMs = Math.min(MAX_BACKOFF_MS, backoffMs * 2);
      }
    }
    return undefined;
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
