/**
 * The service behind the HTTP interface: several tasks, one database, one object store, one registry.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';

import { Counter, Gauge, Registry as Metrics } from 'prom-client';

import type { LedgerStore } from '../../privacy/accounting/index.ts';
import { createLedgerTable } from '../storage/database/index.ts';
import { formatTaskFile, parseTaskFile, type TaskFile } from '../task/index.ts';
import { openTaskLedger, planRun, type RunPlan } from '../training/index.ts';
import type { TaskTracker } from '../view/index.ts';
import { computeTaskPolicyDigest } from '../../federation/wire/index.ts';
import { createServedAssistants, type ServedAssistants } from './assistants.ts';
import { createSealedLedgerStore } from '../storage/index.ts';
import { INSTALLATION_LOG } from './installation-log.ts';
import { CoordinatorError } from './errors.ts';
import { createServiceMonitor, type WatchedTask } from './monitoring.ts';
import { eraseParticipant } from './forgetting.ts';
import { createNode } from './node.ts';
import { createRegistry } from './registry.ts';
import { openServedLog, type ServedLog } from './served-log.ts';
import { createRecordKeeping } from './record-keeping.ts';
import type { TaskService } from './served-task.ts';
import { readMetrics } from './telemetry.ts';
import { assertServable, assertStartable, createTaskService } from './task-service.ts';
import { createTaskWatch } from './task-watch.ts';
import { restoreTracker } from './restore-tracker.ts';
import type { Service, ServiceOptions, TaskFacts } from './service-types.ts';
import { createWitnessing } from './witnessing.ts';
export type { Service, ServiceOptions, TaskFacts } from './service-types.ts';

interface RunningTask {
  readonly tracker: TaskTracker;
  readonly service: TaskService;
  readonly definition: string;
  readonly facts: TaskFacts;
  readonly served: ServedLog | undefined;
  readonly assistants: ServedAssistants | undefined;
}

const DAY_MS = 24 * 3600 * 1000;
/** How often alerts are looked at when no attempt ends. */
const TICK_MS = 15_000;
/** A masked vector of ten million 32-bit entries and some; anything larger is refused unread. */
const MAX_MESSAGE_BYTES = 64 * 2 ** 20;

/** Creates the service and takes up every task that is in the database. */
export async function createService({
  db,
  objects,
  operatorToken,
  factsOf,
  log,
  onShutdown = () => {},
  onReport,
  onWrite,
  invitationMs = DAY_MS,
  attestation,
  logSeed,
  node: nodeOptions,
  alerts,
  vault,
  witnesses = [],
  fourEyes = false,
  keepCheckpoints,
  now,
}: ServiceOptions): Promise<Service> {
  const registry = createRegistry({ db, operatorToken, now: () => Date.now() });
  const running = new Map<string, RunningTask>();
  const witnessing = createWitnessing(witnesses, log);
  const record = createRecordKeeping({
    witnessing,
    db,
    objects,
    registry,
    seed: logSeed,
    fourEyes,
    now,
    logs: () => new Map([...running].flatMap(([id, { served }]) => (served === undefined ? [] : [[id, served]]))),
    onFailure: (error) =>
      log({ level: 'error', error: String(error) }, 'the log of the installation cannot be written'),
  });
  const metrics = new Metrics();
  const labels = ['task'] as const;
  const monitor = createServiceMonitor({
    registry: metrics,
    log,
    onRaised: ({ task, severity, code, detail }) =>
      running.get(task)?.tracker.alarm({
        level: severity === 'critical' ? 'serious' : severity,
        code: `alert:${code}`,
        text: detail,
        attempt: null,
      }),
    ...(alerts === undefined ? {} : { alerts }),
  });
  const ticking = setInterval(() => {
    const failed = (what: string) => (error: unknown) => log({ level: 'error', error: String(error) }, what);
    monitor.tick().catch(failed('alerts cannot be looked at'));
    record.tick().catch(failed('the log of the installation cannot be written'));
  }, TICK_MS);
  ticking.unref();
  const gauges = {
    round: new Gauge({ name: 'sotto_round', help: 'committed rounds', labelNames: labels, registers: [metrics] }),
    epsilon: new Gauge({ name: 'sotto_epsilon', help: 'epsilon spent', labelNames: labels, registers: [metrics] }),
    participants: new Gauge({
      name: 'sotto_participants',
      help: 'participants present',
      labelNames: labels,
      registers: [metrics],
    }),
  };
  const attempts = new Counter({
    name: 'sotto_attempts_total',
    help: 'attempts by outcome',
    labelNames: ['task', 'outcome'],
    registers: [metrics],
  });
  const dropouts = new Counter({
    name: 'sotto_dropouts_total',
    help: 'dropouts',
    labelNames: labels,
    registers: [metrics],
  });

  function ledgerOf(taskId: string): LedgerStore {
    const table = createLedgerTable(db, taskId);
    return vault === undefined ? table : createSealedLedgerStore(table, { vault, name: `ledger/${taskId}` });
  }

  async function take(row: {
    id: string;
    definition: string;
    state: string;
    round: number;
    checkpoint_key: string | null;
  }): Promise<TaskService> {
    const task = parseTaskFile(row.definition, { path: `task ${row.id}` });
    const facts = await factsOf(task);
    const run = planRun(task, facts);
    const served =
      logSeed === undefined ? undefined : await openServedLog({ objects, taskId: row.id, seed: logSeed, witnessing });
    const records = ledgerOf(row.id);
    const ledger = await openTaskLedger(run, {
      store: () => (served === undefined ? records : served.log.watch(records, 'ledger.jsonl')),
    });
    const taskPolicyDigest = computeTaskPolicyDigest({
      taskId: row.id,
      definition: row.definition,
      inputShape: facts.inputShape,
      planDigest: run.plan.digest,
    });
    const tracker = await restoreTracker(db, { ...row, run });
    const assistants = await assistantsOf(row.id, run);
    const logged = served?.log.leaves;
    const watched: WatchedTask = {
      id: row.id,
      ledger,
      noiseMultiplier: run.plan.noise?.noiseMultiplier ?? null,
      minCohort: Math.min(settingsOf(task).startThreshold, run.plan.participants),
      loggedRecords: () => logged?.filter(({ kind }) => kind === 'ledger').length ?? null,
    };
    monitor.watch(watched);
    const service = createTaskService({
      id: row.id,
      assistants,
      watch: createTaskWatch(tracker),
      taskPolicyDigest,
      isMine: () => node?.holds(row.id) ?? true,
      ...(attestation === undefined ? {} : { attestation }),
      run,
      db,
      objects,
      vault,
      ledger,
      ...(served === undefined
        ? {}
        : { served: { log: served, definition: row.definition, inputShape: facts.inputShape } }),
      settings: settingsOf(task),
      keepCheckpoints,
      initial: { state: row.state, round: row.round, checkpointKey: row.checkpoint_key },
      ...(facts.evaluate === undefined ? {} : { evaluate: facts.evaluate }),
      onReport(report) {
        attempts.inc({ task: row.id, outcome: report.outcome });
        dropouts.inc({ task: row.id }, report.dropouts);
        log({ task: row.id, ...report }, `round ${report.round} ${report.outcome}`);
        onReport?.(row.id, report);
        monitor
          .observe(watched, report)
          .catch((error: unknown) => log({ level: 'error', error: String(error) }, 'a task cannot be watched'));
      },
      ...(onWrite === undefined ? {} : { onWrite }),
      clock: () => performance.now(),
    });
    running.set(row.id, { service, definition: row.definition, facts, served, tracker, assistants });
    await service.start();
    return service;
  }

  function assistantsOf(id: string, { task, plan }: RunPlan): Promise<ServedAssistants | undefined> {
    const identityKeys = (who: readonly string[]) => registry.identityKeys(id, who);
    return createServedAssistants({ id, task, plan, objects, identityKeys });
  }

  const found = (id: string): RunningTask => {
    const task = running.get(id);
    if (task === undefined) throw new CoordinatorError('coordinator/unknown-task', `there is no task ${id}`);
    return task;
  };

  /** Takes up a task that is in the database; one that cannot be must not keep the others from being served. */
  async function takeUp(row: Parameters<typeof take>[0]): Promise<void> {
    await take(row).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      log({ level: 'error', task: row.id, error: reason }, 'a task cannot be taken up');
    });
  }

  async function putDown(taskId: string): Promise<void> {
    const found = running.get(taskId);
    running.delete(taskId);
    await found?.service.close();
  }

  const rows = () => db.selectFrom('tasks').selectAll().orderBy('created_at').execute();
  const node =
    nodeOptions === undefined
      ? undefined
      : createNode(nodeOptions, {
          list: async () => [...(await rows()).map(({ id }) => id), INSTALLATION_LOG],
          async take(taskId) {
            if (taskId === INSTALLATION_LOG) {
              await record.open();
              return;
            }
            const row = await db.selectFrom('tasks').selectAll().where('id', '=', taskId).executeTakeFirst();
            if (row === undefined || running.has(taskId)) return;
            await take(row).catch(async (error: unknown) => {
              await putDown(taskId);
              throw error;
            });
          },
          async drop(taskId) {
            if (taskId === INSTALLATION_LOG) {
              record.drop();
              return;
            }
            log({ level: 'warn', task: taskId }, 'another node may serve the task now');
            await putDown(taskId);
          },
          onFailure(error, taskId) {
            const reason = error instanceof Error ? error.message : String(error);
            log({ level: 'error', task: taskId, error: reason }, 'a task cannot be held or taken up now; tried again');
          },
        });
  if (node === undefined) {
    for (const row of await rows()) await takeUp(row);
    await record.open();
  } else await node.start();

  function refreshGauges(): void {
    for (const { service } of running.values()) {
      const { id, round, epsilon, participants } = service.status();
      gauges.round.set({ task: id }, round);
      gauges.epsilon.set({ task: id }, epsilon ?? 0);
      gauges.participants.set({ task: id }, participants);
    }
  }

  return {
    registry,
    maxMessageBytes: MAX_MESSAGE_BYTES,
    simulatedAttestation: attestation?.simulated ?? false,
    async elsewhere(taskId) {
      if (node === undefined || running.has(taskId)) return undefined;
      const holder = await node.holderOf(taskId);
      // Between two holders a task is served by nobody for a moment: that is no reason to tell a participant it is gone.
      if (holder === undefined && !running.has(taskId) && (await rows()).some(({ id }) => id === taskId)) {
        throw new CoordinatorError('coordinator/elsewhere', 'no node serves this task yet; try again', {
          retryable: true,
        });
      }
      return running.has(taskId) ? undefined : holder;
    },
    async everywhere() {
      const all = node === undefined ? [...running.keys()] : (await rows()).map(({ id }) => id);
      return Promise.all(all.map(async (id) => ({ id, url: running.has(id) ? undefined : await node?.holderOf(id) })));
    },
    tasks: () => [...running.values()].map(({ service }) => service),
    task: (id) => found(id).service,
    definition: (id) => found(id).definition,
    inputShape: (id) => found(id).facts.inputShape,
    assistantKey(id, assistant) {
      const key = found(id).assistants?.publicKey(assistant);
      if (key !== undefined) return key;
      throw new CoordinatorError('coordinator/unknown-participant', 'the sums of this task need no assistants');
    },
    tracker: (id) => found(id).tracker,
    factsOf,
    db,
    async createTask(text, actor = 'operator') {
      const task = parseTaskFile(text, { path: 'task' });
      const run = planRun(task, await factsOf(task));
      assertServable(run);
      assertStartable(run, settingsOf(task));
      const id = `${slugOf(task.task)}-${randomUUID().slice(0, 8)}`;
      // Before it is accepted: a task whose sums nobody could open would wait for ever.
      (await assistantsOf(id, run))?.close();
      const row = {
        id,
        name: task.task,
        definition: formatTaskFile(task),
        state: 'running',
        round: 0,
        checkpoint_key: null,
        model_digest: null,
        created_at: new Date(),
        updated_at: new Date(),
      };
      await node?.claim(row.id);
      await db.insertInto('tasks').values(row).execute();
      const service = await take(row);
      await record.audit(actor, 'create', row.id);
      return service;
    },
    async invite(taskId, actor = 'operator') {
      const expiresAt = new Date(Date.now() + invitationMs);
      const token = await registry.createToken(taskId, { expiresAt });
      await record.audit(actor, 'invite', taskId);
      return { token, expiresAt: expiresAt.toISOString() };
    },
    record,
    audit: (...act) => record.audit(...act),
    ledgerOf,
    logFile: async (taskId, path) => found(taskId).served?.read(path),
    async receipt(taskId, participant) {
      const rows = await db
        .selectFrom('attempts')
        .select(['attempt', 'cohort'])
        .where('task_id', '=', taskId)
        .execute();
      const cohorts = new Map(rows.map(({ attempt, cohort }) => [attempt, JSON.parse(cohort) as string[]]));
      return found(taskId).served?.receipt(participant, (attempt) => cohorts.get(attempt) ?? []);
    },
    async erase(taskId, participant, actor) {
      const { served, service } = found(taskId);
      if (served === undefined) {
        throw new CoordinatorError('coordinator/wrong-state', 'this coordinator keeps no log that could say so');
      }
      const proof = await service.erase(participant, () =>
        eraseParticipant({ taskId, participant }, { db, registry, log: served }),
      );
      // What it called itself is not shown either, from now on and not from the next start.
      found(taskId).tracker.participant(participant, { label: '', state: 'revoked' });
      await record.audit(actor, 'erase', taskId);
      return proof;
    },
    async metricLines(taskId) {
      found(taskId);
      const rows = await db
        .selectFrom('metrics')
        .innerJoin('attempts', (join) =>
          join.onRef('attempts.task_id', '=', 'metrics.task_id').onRef('attempts.attempt', '=', 'metrics.attempt'),
        )
        .select('metrics.report')
        .where('metrics.task_id', '=', taskId)
        // As they ended, which is how the log has them.
        .orderBy('attempts.closed_at')
        .orderBy('metrics.attempt')
        .execute();
      return rows.map(({ report }) => `${report}\n`).join('');
    },
    prometheus() {
      refreshGauges();
      return metrics.metrics();
    },
    metricFamilies() {
      refreshGauges();
      return readMetrics(metrics);
    },
    logFailure: (error) =>
      log({ level: 'error', error: error instanceof Error ? error.message : String(error) }, 'a request failed'),
    refused: (code) => monitor.refused(code),
    alerts: () => monitor.active(),
    requestShutdown: onShutdown,
    async close() {
      clearInterval(ticking);
      await node?.stop();
      await Promise.all([...running.values()].map(({ service }) => service.close()));
      await record.close();
      await witnessing.settle();
      await node?.release();
    },
  };
}

/** A task's name as part of its id, which object keys and links take: small letters and digits joined by `-`. */
function slugOf(name: string): string {
  const slug = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  return slug === '' ? 'task' : slug.slice(0, 48).replace(/-$/, '');
}

function settingsOf(task: TaskFile): { startThreshold: number; roundWindowMs: number; presenceMs: number } {
  const { buffered, cohortSize } = task.training;
  // Several cohorts share the participants: each waits for its own alone.
  const whole = buffered === undefined ? task.participants : (cohortSize ?? task.participants);
  const { startThreshold = whole, roundWindowMs, presenceMs } = task.service;
  return { startThreshold, roundWindowMs, presenceMs };
}
