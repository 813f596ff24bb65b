/**
 * What people may see of a task, as plain data: the same for a run that is under way, a finished run folder and a task
 * of a coordinator. Nothing here says anything of a single participant's data: no local loss, no example count, no
 * vector.
 *
 * @module
 */

/** How a task stands. `closed`: the process that ran it has ended before the task did. */
export type TaskState = 'preparing' | 'running' | 'paused' | 'stopped' | 'finished' | 'budget-spent' | 'closed';

/** What a task promises, in its own words. */
export interface PrivacyTerms {
  readonly trust: 'nobody' | 'coordinator' | 'local' | 'off';
  readonly privacyUnit: string | null;
  readonly relation: string | null;
  readonly accountant: string | null;
  readonly aggregation: string;
  readonly adversary: string | null;
  readonly threshold: number | null;
  readonly maxCorrupt: number | null;
  /** Budget of the whole task; null without privacy. */
  readonly epsilon: number | null;
  readonly delta: number | null;
  readonly noiseMultiplier: number | null;
  readonly clipNorm: number;
  readonly samplingRate: number | null;
  /** True when everything follows from a seed: then nothing protects anybody. */
  readonly seeded: boolean;
}

/** The facts of a task that change slowly, and its figures. */
export interface TaskHead {
  readonly id: string;
  readonly name: string;
  readonly state: TaskState;
  readonly mode: 'federated' | 'single-party' | 'served';
  /** Committed rounds. */
  readonly round: number;
  readonly rounds: number;
  /** Attempts the budget was calibrated for. */
  readonly attemptsPlanned: number;
  readonly participants: number;
  /** Participants that are there now. */
  readonly present: number;
  readonly parameters: number;
  readonly bitWidth: number;
  readonly privacy: PrivacyTerms;
  readonly epsilon: number | null;
  /** Bound on ε when every planned attempt is charged; null without privacy. */
  readonly epsilonAtEnd: number | null;
  readonly accuracy: number | null;
  readonly loss: number | null;
  readonly dropouts: number;
  readonly aborted: number;
  readonly bytesPerParticipant: number;
  /** ISO 8601. */
  readonly startedAt: string | null;
  readonly updatedAt: string;
  /** Of all attempts together: those that were open at once are counted each. */
  readonly seconds: number;
  /** What the task is doing when no round is open. */
  readonly note: string | null;
}

/** One stage of an attempt. */
export interface StageView {
  readonly stage: string;
  readonly expected: number;
  readonly answered: number;
  /** From the opening of the attempt. */
  readonly startMs: number;
  /** Null while it is open. */
  readonly endMs: number | null;
  /** What the participants sent in it, all together. */
  readonly sizeBytes: number;
}

/** An attempt that is over. */
export interface AttemptPoint {
  readonly attempt: number;
  readonly round: number;
  /** Where several cohorts are open: rounds that were committed while this attempt was. */
  readonly staleness?: number;
  readonly outcome: 'committed' | 'aborted';
  readonly reason?: string;
  readonly accuracy?: number;
  readonly loss?: number;
  readonly epsilon: number | null;
  readonly contributors: number;
  readonly dropouts: number;
  readonly bytesPerParticipant?: number;
  readonly seconds: number;
  readonly stages?: readonly StageView[];
  /** Who stopped answering, with the stage. */
  readonly dropped?: Readonly<Record<string, string>>;
  readonly refusals?: Readonly<Record<string, number>>;
}

/** An attempt that is open. */
export interface RoundView {
  readonly attempt: number;
  readonly round: number;
  readonly cohort: number;
  readonly stages: readonly StageView[];
  /** Whether the times are of a virtual network. */
  readonly virtual: boolean;
}

/** How a participant stands in the round. */
export type ParticipantState = 'waiting' | 'working' | 'answered' | 'dropped' | 'away' | 'revoked';

/** A participant by its pseudonym. */
export interface ParticipantView {
  readonly id: string;
  /** What it calls itself; shown, never trusted. Empty in a simulation. */
  readonly label: string;
  readonly state: ParticipantState;
  readonly stage: string | null;
  readonly contributed: number;
  readonly dropped: number;
  readonly sizeBytes: number;
  /** Its last attempts, the newest last: `c` contributed, `d` dropped, `a` the attempt was aborted, `-` not drawn. */
  readonly history: string;
}

/** Something that a person should look at. */
export interface Alarm {
  readonly level: 'info' | 'warning' | 'serious';
  readonly code: string;
  readonly text: string;
  readonly attempt: number | null;
}

/** A model that can be had. */
export interface ModelView {
  readonly name: string;
  readonly round: number;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly parameters: number;
  readonly accuracy: number | null;
  readonly epsilon: number | null;
}

/** Everything about a task. */
export interface TaskView {
  /** Grows with every change. */
  readonly version: number;
  readonly head: TaskHead;
  readonly history: readonly AttemptPoint[];
  /** The attempts that are open, the oldest first: one at the most unless rounds are buffered. */
  readonly open: readonly RoundView[];
  readonly participants: readonly ParticipantView[];
  readonly alarms: readonly Alarm[];
  readonly models: readonly ModelView[];
}

/** What has changed since a version; what is absent has not. */
export interface TaskChange {
  readonly version: number;
  readonly head?: TaskHead;
  /** Attempts to be appended. */
  readonly history?: readonly AttemptPoint[];
  readonly open?: readonly RoundView[];
  /** Participants that changed, or are new. */
  readonly participants?: readonly ParticipantView[];
  readonly alarms?: readonly Alarm[];
  readonly models?: readonly ModelView[];
}

/** A ledger's record as people read it. */
export interface LedgerLine {
  readonly index: number;
  readonly time: string;
  readonly kind: string;
  readonly attempt: number | null;
  readonly round: number | null;
  readonly purpose: string | null;
  readonly hash: string;
}

/** A ledger with what recomputing it from nothing gave. */
export interface LedgerView {
  readonly lines: readonly LedgerLine[];
  readonly verified: boolean;
  /** Why it does not hold. */
  readonly problem: string | null;
  readonly head: string | null;
  readonly epsilon: number | null;
  readonly delta: number | null;
  readonly budget: number | null;
  readonly accountant: string | null;
}

/** What the page needs besides the tasks themselves. */
export interface ViewFacts {
  readonly kind: 'run' | 'coordinator' | 'report';
  readonly version: string;
  /** Where the run lies, or the coordinator's address. */
  readonly place: string;
}
