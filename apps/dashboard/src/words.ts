/** The protocol's terms in plain words. */

import type { ParticipantState, ParticipantView, TaskHead, TaskState } from '../../../src/runtime/view/task-view.ts';

/** A stage for people: its name, and what happens in it. */
export interface StageWords {
  readonly name: string;
  readonly about: string;
}

const STAGES: Readonly<Record<string, StageWords>> = {
  advertiseKeys: { name: 'Keys', about: 'Everybody shows fresh public keys for this attempt.' },
  drawGraph: { name: 'Neighbours', about: 'Everybody helps to draw who shares secrets with whom.' },
  shareKeys: {
    name: 'Shares',
    about: 'Everybody leaves sealed shares of its secrets with others, in case it is lost.',
  },
  maskedInput: { name: 'Masked sum', about: 'Everybody trains on its own data and sends one masked, noised vector.' },
  consistency: { name: 'Consistency', about: 'Everybody signs the list of who is still there.' },
  unmask: { name: 'Unmasking', about: 'Those who are left open the masks of the sum, and of nothing else.' },
  input: {
    name: 'Contributions',
    about: 'Everybody sends its contribution, as the task says: in shares, encrypted, or in the clear.',
  },
  assistants: { name: 'Opening', about: 'Servers or the holder of the key form the sum, and show nothing else.' },
};

export const stageWords = (stage: string): StageWords =>
  STAGES[stage] ?? { name: stage, about: 'A stage of the protocol.' };

/** How many versions of the model an attempt is late, or would be if it ended now. */
export const latenessWords = (versions: number): string =>
  versions <= 0 ? 'on the newest model' : versions === 1 ? 'one version late' : `${versions} versions late`;

export const stateWords: Readonly<Record<TaskState, string>> = {
  preparing: 'preparing',
  running: 'running',
  paused: 'paused',
  stopped: 'stopped',
  finished: 'finished',
  'budget-spent': 'budget spent',
  closed: 'interrupted',
};

export const participantWords: Readonly<Record<ParticipantState, string>> = {
  waiting: 'waiting',
  working: 'working',
  answered: 'answered',
  dropped: 'dropped out',
  away: 'away',
  revoked: 'revoked',
};

/** Whether nothing will follow. */
export const isOver = (state: TaskState): boolean =>
  state === 'finished' || state === 'stopped' || state === 'budget-spent' || state === 'closed';

/** How a participant stands when its task is over: it took part, or it did not. */
export const stateAfter = ({ state, contributed }: ParticipantView): ParticipantState =>
  state === 'revoked' ? state : contributed > 0 ? 'answered' : 'away';
export const wordsAfter: Readonly<Record<ParticipantState, string>> = {
  ...participantWords,
  answered: 'took part',
  away: 'did not contribute',
};

/** Who can read a single contribution, by how the sum is formed. */
const SEEN: Readonly<Record<string, string>> = {
  secagg: 'No single contribution can be read by anybody',
  shares: 'No single contribution can be read by anybody, as long as one aggregation server keeps to itself',
  homomorphic: 'No single contribution can be read by anybody, as long as the holder of the key opens sums alone',
};

/** Whom a task asks to be trusted, in one sentence. */
export function promiseOf({ privacy }: TaskHead): string {
  if (privacy.trust === 'off') return 'This task protects nobody.';
  if (privacy.seeded) return 'Seeded: everything here follows from a seed, so nothing here protects anybody.';
  const seen = SEEN[privacy.aggregation] ?? 'Contributions reach the coordinator in the clear';
  switch (privacy.trust) {
    case 'nobody':
      return `${seen}; each participant adds its share of the noise itself.`;
    case 'local':
      return `${seen}; each contribution is private before it leaves its device.`;
    case 'coordinator':
      return `${seen}; the coordinator is trusted to add the noise.`;
  }
}
