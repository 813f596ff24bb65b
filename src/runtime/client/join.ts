/**
 * A participant's life in a task: join, check the task against the own policy, answer rounds, come back after every
 * interruption. Every attempt is charged to the participant's own ledger before its data is touched.
 *
 * @module
 */

import { equalBytes, fromHex, type SigningKey, toHex } from '../../foundations/crypto/index.ts';
import { SottoError } from '../../foundations/numerics/index.ts';
import { createSystemRng } from '../../foundations/random/index.ts';
import type { Dataset } from '../../learning/data/index.ts';
import { createEngine } from '../../learning/models/index.ts';
import type { Ledger, LedgerStore, Reservation } from '../../privacy/accounting/index.ts';
import { computeTaskPolicyDigest, decodeMessage, type RoundOffer } from '../../federation/wire/index.ts';
import { type AttestationRecord, type GateOptions } from '../../trust/attestation/index.ts';
import { parseTaskFile } from '../task/index.ts';
import { createContributor, openTaskLedger, planRun, type RunPlan } from '../training/federated/index.ts';
import { agreeOnAssistants } from './assistants.ts';
import type { AttestationCheck } from './attestation.ts';
import { ClientError } from './errors.ts';
import { createParticipant } from './participant.ts';
import { openParticipantState, type ParticipantState, type StateStore } from './participant-state.ts';
import { adversaryOf, assertPolicyAccepts, DEFAULT_POLICY, type ParticipantPolicy, securityOf } from './policy.ts';
import { digestReceipt, FIRST_RECEIPT, type RoundReceipt } from './receipts.ts';
import { createRetry, type Retry } from './retry.ts';
import { createTransport, type Joined, type Transport } from './transport.ts';
import { createWakeUps } from './wake-ups.ts';

/** What the host of a participant is told. */
export type JoinEvent =
  | {
      readonly kind: 'joined';
      readonly participant: string;
      readonly run: RunPlan;
      /** Whom the masks withstand under the own policy. */
      readonly adversary: ReturnType<typeof adversaryOf>;
    }
  /** The coordinator's evidence was checked, with this outcome. */
  | { readonly kind: 'attested'; readonly record: AttestationRecord }
  | {
      readonly kind: 'round';
      readonly round: number;
      readonly outcome: 'committed' | 'aborted';
      readonly epsilon: number | null;
      readonly receipt: RoundReceipt;
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
  /** The examples, or what reads them once the policy has accepted the task. */
  readonly dataset: Dataset | ((run: RunPlan, inputShape: readonly number[]) => Promise<Dataset>);
  readonly policy?: ParticipantPolicy;
  /** Where the participant keeps its own ledger. */
  readonly ledgerStore: LedgerStore;
  /**
   * Where the participant keeps what it must find again: its own layers, its control, keys of a task-long setup. Without it
   * a restart begins at the public start again, and a task with `setup: task` is not taken up again.
   */
  readonly stateStore?: StateStore;
  readonly signal: AbortSignal;
  readonly onEvent?: (event: JoinEvent) => void;
  readonly fetch?: typeof fetch;
  /** Certificate of an enrolment authority for this participant's id and key, 64 bytes. */
  readonly certificate?: Uint8Array;
  /** Digest of the newest receipt this participant has of the task; none yet when left out. */
  readonly previousReceipt?: string;
  /** Lets `policy.requireAttestation` accept simulated evidence, which protects nothing. */
  readonly insecureSimulatedAttestation?: boolean;
  /** Keys of token services, an audience, or other roots than the vendors'. */
  readonly attestationTrust?: Partial<GateOptions['trust']>;
}

const WAIT_MS = 20_000;
const SEALING_FAILED = 'attestation/sealing-failed';

type Resealing = WeakMap<Uint8Array, () => Promise<Uint8Array>>;

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
  const coins = createSystemRng();
  const retry = createRetry(
    signal,
    (reason, retryMs) => onEvent({ kind: 'waiting', reason, retryMs }),
    () => coins.uint32() / 2 ** 32,
  );
  const joined = await retry(() => transport.join({ label: options.label, token: options.token }));
  if (joined === undefined) return;
  try {
    await takePart(options, { joined, transport, retry });
  } catch (error) {
    // Whoever takes no part after all says so, or rounds would be opened, and charged, with somebody who is not there.
    await transport.leave().catch(() => {});
    throw error;
  }
}

/** What comes after the coordinator has let somebody in. */
async function takePart(
  options: JoinOptions,
  { joined, transport, retry }: { readonly joined: Joined; readonly transport: Transport; readonly retry: Retry },
): Promise<void> {
  const { url, taskId, key, signal, onEvent = () => {} } = options;
  const run = agreeOnTask(joined);
  const { task, plan } = run;
  const ledger = await openTaskLedger(run, { store: () => options.ledgerStore });
  const policy = options.policy ?? DEFAULT_POLICY;
  assertPolicyAccepts(policy, { task, plan, url, epsilonPerRound: plan.epsilonPerAttempt });
  const adversary = adversaryOf(policy, plan);
  const assistance = await agreeOnAssistants(plan, policy, (name) => retry(() => transport.assistantKey(name)));
  const attestation = await createCheck(options, { policy, joined, run, transport, retry, onEvent });
  await attestation?.ensure();
  const { dataset: given } = options;
  const dataset = typeof given === 'function' ? await given(run, joined.inputShape) : given;
  onEvent({ kind: 'joined', participant: joined.participant, run, adversary });

  const contributor = createContributor({
    id: joined.participant,
    plan,
    engine: createEngine(run.layers),
    dataset: run.prepare(dataset),
    personal: run.personal,
  });
  const state = await openParticipantState({
    store: options.stateStore,
    key,
    taskId: run.taskId,
    participant: joined.participant,
    plan,
    contributor,
    chargedAttempt: await lastCharged(ledger),
  });
  let reservation: Reservation | undefined;
  let offer: RoundOffer | undefined;
  let contributed = false;
  /** Sealed messages, with the way to seal them again. */
  const resealing: Resealing = new WeakMap();
  let previous = options.previousReceipt ?? FIRST_RECEIPT;
  const participant = createParticipant({
    id: joined.participant,
    taskId: run.taskId,
    plan,
    contributor,
    rng: () => createSystemRng(),
    minCohort: policy.minParticipants,
    security: {
      identity: { signingKey: key, ...(options.certificate === undefined ? {} : { certificate: options.certificate }) },
      policy: securityOf(policy, plan),
      assistance,
      setup: state.setup,
    },
    ...(attestation === undefined
      ? {}
      : {
          async seal(message, address) {
            const sealed = await attestation.seal(message, address);
            resealing.set(sealed, () => attestation.seal(message, address));
            return sealed;
          },
        }),
    async beforeContribution({ round, attempt }) {
      await attestation?.ensure();
      attestation?.assertOpen();
      contributed = true;
      if (ledger === undefined || plan.event === undefined) return;
      reservation = await ledger.reserve({ event: plan.event, purpose: 'training', round, attempt });
    },
    async afterRound({ round, attempt }, outcome) {
      if (reservation !== undefined) await ledger?.commit(reservation);
      reservation = undefined;
      const spent = ledger?.spent();
      const attested = attestation?.transcribe(round, plan.digest);
      const receipt: RoundReceipt = {
        sotto: 'round-receipt/1',
        previous,
        at: new Date().toISOString(),
        coordinator: url,
        task: taskId,
        participant: joined.participant,
        round,
        attempt,
        outcome,
        planDigest: toHex(plan.digest),
        modelDigest: offer === undefined ? '' : toHex(offer.modelDigest),
        cohort: offer?.cohort ?? [],
        contributed,
        adversary,
        epsilon: spent?.epsilon ?? null,
        delta: spent?.delta ?? null,
        ...(attested === undefined ? {} : { attestation: attested }),
      };
      previous = digestReceipt(receipt);
      onEvent({ kind: 'round', round, outcome, epsilon: receipt.epsilon, receipt });
    },
  });

  let cursor = 0;
  const over = new AbortController();
  // The stream of events ends with the task too, or it would keep the process of a participant that is done.
  const listening = AbortSignal.any([signal, over.signal]);
  const bell = createWakeUps((on) => transport.listen(cursor, { ...on, signal: listening }), listening);
  const waitMs = Math.min(WAIT_MS, attestation?.intervalMs ?? WAIT_MS);
  try {
    while (!signal.aborted) {
      await attestation?.ensure();
      const held = bell.listening ? 0 : waitMs;
      const mail = await retry(() => transport.mail(cursor, { waitMs: held, signal }));
      if (mail === undefined) break;
      if (mail.length === 0) {
        const status = await retry(() => transport.status());
        if (status !== undefined && ['finished', 'stopped'].includes(status.state)) {
          onEvent({ kind: 'ended', state: status.state });
          return;
        }
        if (bell.listening) await bell.wait(waitMs);
      }
      for (const { cursor: at, bytes } of mail) {
        const told = readOffer(bytes);
        if (told !== undefined) {
          offer = told;
          contributed = false;
        }
        await answer(bytes, { participant, state, transport, retry, onEvent, attestation, resealing });
        cursor = at;
      }
    }
  } finally {
    over.abort();
  }
  await transport.leave().catch(() => {});
}

/** Derives the plan of the task that was told, and checks that the coordinator means the same. */
function agreeOnTask(joined: Joined): RunPlan {
  const run = planRun(parseTaskFile(joined.task, { path: 'the coordinator’s task' }), {
    inputShape: joined.inputShape,
  });
  if (!equalBytes(run.plan.digest, fromHex(joined.planDigest))) {
    throw new ClientError(
      'client/policy-refused',
      'this side derives another plan from the task than the coordinator: versions differ',
    );
  }
  return run;
}

/** The demand for evidence, where the policy makes one. */
async function createCheck(
  options: JoinOptions,
  {
    policy,
    joined,
    run,
    transport,
    retry,
    onEvent,
  }: {
    policy: ParticipantPolicy;
    joined: Joined;
    run: RunPlan;
    transport: Transport;
    retry: Retry;
    onEvent: (event: JoinEvent) => void;
  },
): Promise<AttestationCheck | undefined> {
  const { requireAttestation = false } = policy;
  if (requireAttestation === false) return undefined;
  // Verifiers of evidence are large: a page loads them only where its policy asks for evidence.
  const { createAttestationCheck } = await import('./attestation.ts');
  const { url, taskId, attestationTrust, insecureSimulatedAttestation = false } = options;
  return createAttestationCheck(
    {
      policy: requireAttestation,
      coordinator: url,
      task: taskId,
      participant: joined.participant,
      taskPolicyDigest: computeTaskPolicyDigest({
        taskId,
        definition: joined.task,
        inputShape: joined.inputShape,
        planDigest: run.plan.digest,
      }),
      insecureSimulated: insecureSimulatedAttestation,
      ...(attestationTrust === undefined ? {} : { trust: attestationTrust }),
      ask: (nonce) => retry(() => transport.attest(nonce)),
      onRecord: (record) => onEvent({ kind: 'attested', record }),
      now: () => Date.now(),
    },
    createSystemRng(),
  );
}

/** The offer in a message, if it is one. */
function readOffer(bytes: Uint8Array): RoundOffer | undefined {
  try {
    const message = decodeMessage(bytes);
    return message.kind === 'round-offer' ? message : undefined;
  } catch {
    // The participant refuses it in a moment, and says why.
    return undefined;
  }
}

/** Answers one message; what this side refuses is told to its host and not sent. */
async function answer(
  bytes: Uint8Array,
  {
    participant,
    state,
    transport,
    retry,
    onEvent,
    attestation,
    resealing,
  }: {
    resealing: Resealing;
    participant: ReturnType<typeof createParticipant>;
    state: ParticipantState;
    transport: Transport;
    retry: Retry;
    onEvent: (event: JoinEvent) => void;
    attestation: AttestationCheck | undefined;
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
  // Before anything leaves: after a restart this side must know what the others may have seen.
  await state.save();
  for (const reply of replies) {
    const send = async (sending: Uint8Array): Promise<void> => {
      await retry(async () => {
        // Every try asks again: a check that has grown old since the last one closes the way.
        await attestation?.ensure();
        attestation?.assertOpen();
        await transport.send(sending);
      });
    };
    try {
      await send(reply).catch(async (error: unknown) => {
        // The coordinator has started again, and its key died with the one before: check the new one, seal once more.
        const again = resealing.get(reply);
        if (again === undefined || !(error instanceof ClientError) || error.details.type !== SEALING_FAILED)
          throw error;
        attestation?.renew();
        await attestation?.ensure();
        await send(await again());
      });
    } catch (error) {
      // The stage is over, or the coordinator has the message already: the round goes on without this answer.
      if (!(error instanceof ClientError) || error.code === 'client/attestation-refused') throw error;
      onEvent({ kind: 'refused', reason: error.message });
    }
  }
}

/** The highest attempt that the own ledger has charged. */
async function lastCharged(ledger: Ledger | undefined): Promise<number> {
  const report = await ledger?.verify();
  return Math.max(0, ...(report?.charges.map(({ attempt }) => attempt ?? 0) ?? []));
}
