/**
 * Follows one task: takes what happens to it, holds what people may see of it, and says what has changed since a
 * version, so that a page is sent a few hundred bytes and not the whole.
 *
 * @module
 */

import type { TaskPlan } from '../../federation/rounds/index.ts';
import type { TaskFile } from '../task/index.ts';
import type { RunPlan } from '../training/index.ts';
import { alarmsOf } from './alarms.ts';
import { createFeed, type Feed } from './feed.ts';
import type { StageLog } from './stage-log.ts';
import type {
  Alarm,
  AttemptPoint,
  ModelView,
  ParticipantState,
  ParticipantView,
  RoundView,
  TaskChange,
  TaskHead,
  TaskState,
  TaskView,
} from './task-view.ts';

/** Attempts whose outcome is kept with each participant. */
const HISTORY = 48;

/** Follows a task. */
export interface TaskTracker {
  readonly id: string;
  readonly feed: Feed;
  plan(run: RunPlan): void;
  /** Takes the planned facts of an earlier run. */
  restore(facts: PlannedFacts): void;
  note(text: string | null): void;
  setState(state: TaskState): void;
  /** Makes a participant known; in a simulation all of them are from the start. */
  participant(id: string, facts?: { label?: string; state?: ParticipantState }): void;
  /** An attempt opens, beside others or alone; its log is read whenever somebody looks. */
  open(log: StageLog): void;
  /** Something that was noticed beside the attempts: an alert of the coordinator. */
  alarm(alarm: Alarm): void;
  /** The open attempt's log, or the presence of participants, has changed. */
  touch(): void;
  /** An attempt is over; `cohort` where no log of it was opened here. */
  close(point: AttemptPoint, cohort?: readonly string[]): void;
  setPresent(count: number): void;
  setModels(models: readonly ModelView[]): void;
  head(): TaskHead;
  view(): TaskView;
  /** What has changed since a version; undefined when nothing has. */
  changesSince(version: number): TaskChange | undefined;
}

interface TrackedParticipant {
  readonly id: string;
  label: string;
  state: ParticipantState;
  stage: string | null;
  contributed: number;
  dropped: number;
  sizeBytes: number;
  history: string;
  version: number;
}

/** Creates the tracker of a task nobody has planned yet. */
export function createTaskTracker({
  id,
  name,
  mode,
  now = () => new Date(),
  feed = createFeed(),
}: {
  id: string;
  name: string;
  mode: TaskHead['mode'];
  now?: () => Date;
  feed?: Feed;
}): TaskTracker {
  let version = 1;
  let head: TaskHead = emptyHead({ id, name, mode, now: now() });
  const versions = { head: 1, open: 1, models: 1 };
  const history: { point: AttemptPoint; version: number }[] = [];
  const alarms: { alarm: Alarm; version: number }[] = [];
  const participants = new Map<string, TrackedParticipant>();
  let models: readonly ModelView[] = [];
  /** Of the attempts that are open, the oldest first. */
  const logs = new Map<number, StageLog>();

  function changed(part?: keyof typeof versions): void {
    version += 1;
    if (part !== undefined) versions[part] = version;
    feed.touch();
  }
  function setHead(changes: Partial<TaskHead>): void {
    head = { ...head, ...changes, updatedAt: now().toISOString() };
    changed('head');
  }
  function raise(found: readonly Alarm[]): void {
    for (const alarm of found) {
      if (alarms.some(({ alarm: known }) => known.code === alarm.code && known.text === alarm.text)) continue;
      alarms.push({ alarm, version });
    }
  }
  function known(participant: string): TrackedParticipant {
    const found = participants.get(participant);
    if (found !== undefined) return found;
    const fresh: TrackedParticipant = {
      id: participant,
      label: '',
      state: 'waiting',
      stage: null,
      contributed: 0,
      dropped: 0,
      sizeBytes: 0,
      history: '',
      version,
    };
    participants.set(participant, fresh);
    return fresh;
  }

  /** Reads the logs of the open attempts into the participants' states. */
  function refresh(): void {
    let moved = false;
    for (const [log, participant] of [...logs.values()].flatMap((each) =>
      each.cohort.map((who) => [each, who] as const),
    )) {
      const found = known(participant);
      const state: ParticipantState = log.isLost(participant)
        ? 'dropped'
        : log.hasAnswered(participant)
          ? 'answered'
          : 'working';
      const stage = log.stageOf(participant) ?? null;
      if (found.state === state && found.stage === stage) continue;
      // A version of its own: somebody may have been sent the one before without this.
      if (!moved) version += 1;
      moved = true;
      Object.assign(found, { state, stage, version });
    }
  }
  const open = (): readonly RoundView[] =>
    [...logs.values()].map((log) => ({
      attempt: log.attempt,
      round: log.round,
      cohort: log.cohort.length,
      virtual: log.virtual,
      stages: log.stages(),
    }));
  const shown = ({ version: _version, ...participant }: TrackedParticipant): ParticipantView => participant;

  return {
    id,
    feed,
    plan(run) {
      setHead(plannedFacts(run.task, run.plan));
      raise(alarmsOf(head));
    },
    restore(facts) {
      setHead(facts);
      raise(alarmsOf(head));
    },
    note: (text) => setHead({ note: text }),
    setState(state) {
      if (head.state === state) return;
      setHead({ state, note: null });
      raise(alarmsOf(head));
    },
    participant(participant, facts = {}) {
      Object.assign(known(participant), facts);
      changed();
      known(participant).version = version;
    },
    open(opened) {
      logs.set(opened.attempt, opened);
      changed('open');
      if (head.state === 'preparing') {
        setHead({ state: 'running', note: null, startedAt: head.startedAt ?? now().toISOString() });
      }
    },
    touch() {
      changed('open');
    },
    close(point, cohort) {
      version += 1;
      const drawn = new Set(logs.get(point.attempt)?.cohort ?? cohort ?? participants.keys());
      logs.delete(point.attempt);
      const busy = new Set([...logs.values()].flatMap((log) => log.cohort));
      history.push({ point, version });
      for (const participant of participants.values()) {
        const lost = point.dropped?.[participant.id];
        const mark = !drawn.has(participant.id)
          ? '-'
          : point.outcome === 'aborted'
            ? 'a'
            : lost === undefined
              ? 'c'
              : 'd';
        participant.history = `${participant.history}${mark}`.slice(-HISTORY);
        if (mark === 'c') participant.contributed += 1;
        if (mark === 'd' || (mark === 'a' && lost !== undefined)) participant.dropped += 1;
        if (mark !== '-') participant.sizeBytes += point.bytesPerParticipant ?? 0;
        participant.version = version;
        if (busy.has(participant.id)) continue;
        if (participant.state !== 'away' && participant.state !== 'revoked') participant.state = 'waiting';
        participant.stage = null;
      }
      raise(alarmsOf(head, point));
      changed('open');
      setHead(headAfter(head, point));
      raise(alarmsOf(head));
    },
    alarm(alarm) {
      changed();
      raise([alarm]);
    },
    setPresent(count) {
      if (head.present !== count) setHead({ present: count });
    },
    setModels(list) {
      models = list;
      changed('models');
    },
    head: () => head,
    view() {
      refresh();
      return {
        version,
        head,
        open: open(),
        models,
        history: history.map(({ point }) => point),
        participants: [...participants.values()].map(shown),
        alarms: alarms.map(({ alarm }) => alarm),
      };
    },
    changesSince(since) {
      if (since >= version) return undefined;
      refresh();
      const points = history.filter((each) => each.version > since).map(({ point }) => point);
      const moved = [...participants.values()].filter((each) => each.version > since).map(shown);
      const raised = alarms.filter((each) => each.version > since).map(({ alarm }) => alarm);
      return {
        version,
        ...(versions.head > since ? { head } : {}),
        ...(versions.open > since ? { open: open() } : {}),
        ...(versions.models > since ? { models } : {}),
        ...(points.length > 0 ? { history: points } : {}),
        ...(moved.length > 0 ? { participants: moved } : {}),
        ...(raised.length > 0 ? { alarms: raised } : {}),
      };
    },
  };
}

function emptyHead({ id, name, mode, now }: { id: string; name: string; mode: TaskHead['mode']; now: Date }): TaskHead {
  return {
    id,
    name,
    mode,
    state: 'preparing',
    round: 0,
    rounds: 0,
    attemptsPlanned: 0,
    participants: 0,
    present: 0,
    parameters: 0,
    bitWidth: 0,
    epsilon: null,
    epsilonAtEnd: null,
    accuracy: null,
    loss: null,
    dropouts: 0,
    aborted: 0,
    bytesPerParticipant: 0,
    startedAt: null,
    updatedAt: now.toISOString(),
    seconds: 0,
    note: null,
    privacy: {
      trust: 'off',
      privacyUnit: null,
      relation: null,
      accountant: null,
      aggregation: 'clear',
      adversary: null,
      threshold: null,
      maxCorrupt: null,
      epsilon: null,
      delta: null,
      noiseMultiplier: null,
      seeded: false,
      clipNorm: 0,
      samplingRate: 0,
    },
  };
}

/** What is known of a task before its first round. */
export type PlannedFacts = Pick<TaskHead, 'participants' | 'rounds' | 'epsilon' | 'privacy'> &
  Partial<Pick<TaskHead, 'attemptsPlanned' | 'parameters' | 'bitWidth' | 'epsilonAtEnd'>>;

/** Gathers the planned facts of a task; without its plan, those that the task file has. */
export function plannedFacts(task: TaskFile, plan?: TaskPlan): PlannedFacts {
  const { training } = task;
  // Which keys a task has depends on its choices; what it has not is null here.
  const privacy: Readonly<Record<string, unknown>> = task.privacy;
  const aggregation = task.privacy.aggregation as Readonly<Record<string, unknown>>;
  const isPrivate = task.privacy.trust !== 'off';
  const epsilon = numberOf(privacy.epsilon);
  return {
    participants: plan?.participants ?? task.participants,
    rounds: training.rounds,
    attemptsPlanned: plan?.attempts ?? training.rounds,
    ...(plan === undefined
      ? {}
      : {
          parameters: plan.dimension,
          bitWidth: plan.bitWidth,
        }),
    epsilon: isPrivate ? 0 : null,
    epsilonAtEnd: isPrivate ? (plan?.epsilonAtEnd ?? epsilon) : null,
    privacy: {
      trust: task.privacy.trust,
      privacyUnit: textOf(privacy.privacyUnit),
      relation: textOf(privacy.relation),
      accountant: textOf(privacy.accountant),
      aggregation: task.privacy.aggregation.kind,
      adversary: textOf(aggregation.adversary),
      threshold: numberOf(aggregation.threshold),
      maxCorrupt: numberOf(privacy.maxCorrupt),
      epsilon,
      delta: numberOf(privacy.delta),
      noiseMultiplier: plan?.noise?.noiseMultiplier ?? null,
      clipNorm: training.clipNorm,
      samplingRate: numberOf(training.samplingRate),
      seeded: task.simulation.seed !== undefined,
    },
  };
}

const numberOf = (value: unknown): number | null => (typeof value === 'number' ? value : null);
const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

function headAfter(head: TaskHead, point: AttemptPoint): Partial<TaskHead> {
  return {
    // Attempts that were open at once are not always told of in the order in which they ended.
    round: point.outcome === 'committed' ? Math.max(head.round, point.round) : head.round,
    epsilon: head.privacy.trust === 'off' ? null : (point.epsilon ?? head.epsilon),
    accuracy: point.accuracy ?? head.accuracy,
    loss: point.loss ?? head.loss,
    dropouts: head.dropouts + point.dropouts,
    aborted: head.aborted + (point.outcome === 'aborted' ? 1 : 0),
    bytesPerParticipant: point.bytesPerParticipant ?? head.bytesPerParticipant,
    seconds: head.seconds + point.seconds,
  };
}
