/** A task's state as a word with a tone. */

import type { TaskState } from '../../../../src/runtime/view/task-view.ts';
import { stateWords } from '../words.ts';

const TONES: Readonly<Record<TaskState, string>> = {
  preparing: 'plain',
  running: 'good',
  paused: 'warn',
  stopped: 'plain',
  finished: 'good',
  'budget-spent': 'bad',
  closed: 'warn',
};

export function StatePill({ state }: { state: TaskState }) {
  return (
    <span class="pill" data-tone={TONES[state]}>
      {stateWords[state]}
    </span>
  );
}
