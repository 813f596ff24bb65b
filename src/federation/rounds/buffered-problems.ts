/**
 * What rounds of several open cohorts cannot be combined with, each with its reason.
 *
 * @module
 */

import type { RoundsTask } from './task.ts';

/** Refuses what rounds of several open cohorts must not be combined with; tasks without them pass. */
export function findBufferedProblems(
  { participants, privacy, rounds }: Omit<RoundsTask, 'name'>,
  refuse: (path: string, message: string) => void,
): void {
  const { buffered, cohortSize, strategy, adaptiveClip } = rounds;
  if (buffered === undefined || rounds.local === undefined) return;
  if (cohortSize === undefined) {
    refuse(
      'training.cohortSize',
      'is missing: with `buffered` several cohorts are open, and each is a part of everybody',
    );
  } else if (buffered.concurrency * cohortSize > participants) {
    refuse(
      'training.buffered.concurrency',
      `must be at most ${Math.floor(participants / cohortSize)}: of ${participants} participants so many cohorts of ` +
        `${cohortSize} can be open, since nobody is in two at once`,
    );
  }
  if (strategy?.kind === 'scaffold') {
    refuse(
      'training.buffered',
      'must be left out with scaffold: a control is the mean of what all participants hold, and a late change that is weighed down leaves it',
    );
  }
  if (adaptiveClip !== undefined) {
    refuse(
      'training.buffered',
      'must be left out with adaptiveClip: a late cohort tells how many were within a clip norm that has moved on',
    );
  }
  if ('participation' in privacy && privacy.participation !== undefined) {
    refuse(
      'privacy.participation',
      'must be left out with `buffered`: cohorts are chosen among whoever is free, so memberships are counted and not amplified',
    );
  }
}
