/**
 * What a person should look at, derived from a task's figures alone.
 *
 * @module
 */

import type { Alarm, AttemptPoint, TaskHead } from './task-view.ts';

/** Share of the budget from which on a task warns. */
const NEARLY_SPENT = 0.9;

/** Lists what is to be said of a task, or of one of its attempts. */
export function alarmsOf(head: TaskHead, point?: AttemptPoint): Alarm[] {
  return point === undefined ? alarmsOfTask(head) : alarmsOfAttempt(head, point);
}

function alarmsOfTask({ privacy, epsilon, state, round, rounds }: TaskHead): Alarm[] {
  const alarms: Alarm[] = [];
  const say = (level: Alarm['level'], code: string, text: string): void => {
    alarms.push({ level, code, text, attempt: null });
  };
  if (rounds > 0 && privacy.trust === 'off') {
    say('serious', 'not-private', 'Not private: this task has trust: off. It protects nobody.');
  }
  if (privacy.seeded) {
    say('serious', 'seeded', 'Seeded: reproducible to the bit, and therefore without any privacy guarantee.');
  }
  if (state === 'budget-spent') {
    say('serious', 'budget-spent', 'The budget is spent: the ledger refuses further attempts.');
  } else if (
    privacy.epsilon !== null &&
    epsilon !== null &&
    epsilon >= NEARLY_SPENT * privacy.epsilon &&
    round < rounds
  ) {
    say('info', 'budget-nearly-spent', `More than ${NEARLY_SPENT * 100} % of the budget is spent.`);
  }
  return alarms;
}

function alarmsOfAttempt({ privacy }: TaskHead, point: AttemptPoint): Alarm[] {
  const { attempt, round, outcome, contributors } = point;
  const alarms: Alarm[] = [];
  if (outcome === 'aborted') {
    const text = `Round ${round} was aborted and its charge is kept: ${point.reason ?? 'no reason was given'}`;
    alarms.push({ level: 'warning', code: 'round-aborted', text, attempt });
  } else if (privacy.threshold !== null && contributors <= privacy.threshold) {
    const text = `Round ${round} had ${contributors} contributors, no more than the threshold: one fewer would have ended it.`;
    alarms.push({ level: 'info', code: 'near-threshold', text, attempt });
  }
  for (const [refusal, count] of Object.entries(point.refusals ?? {})) {
    const text = `Refused in round ${round} (${count} ${count === 1 ? 'time' : 'times'}): ${refusal}`;
    alarms.push({ level: 'warning', code: `refused:${refusal}`, text, attempt });
  }
  return alarms;
}
