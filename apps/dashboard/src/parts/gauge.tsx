/** The budget: what is spent, what the rest of the task will spend, and what is allowed. */

import type { AttemptPoint, TaskHead } from '../../../../src/runtime/view/task-view.ts';
import { formatDelta, formatEpsilon, plural } from '../format.ts';

/** Where the budget is going. */
export interface Forecast {
  readonly attempts: number;
  readonly roundsLeft: number;
  /** Attempts that may still be aborted without keeping the task from its last round. */
  readonly spare: number;
  /** ε when the remaining rounds succeed at once. */
  readonly epsilon: number;
}

/**
 * Forecasts ε. The curve runs through what was spent and through the planned end like a square root, which is how ε of
 * many equal attempts grows; the planned end itself is a bound of the accountant.
 */
function forecastOf(head: TaskHead, attempts: number): Forecast | undefined {
  const { epsilon, epsilonAtEnd, attemptsPlanned, rounds, round } = head;
  if (epsilon === null || epsilonAtEnd === null || attempts === 0) return undefined;
  const roundsLeft = Math.max(0, rounds - round);
  const left = Math.max(0, attemptsPlanned - attempts);
  const root = (count: number): number => Math.sqrt(count);
  const share =
    left === 0 ? 1 : (root(attempts + roundsLeft) - root(attempts)) / (root(attemptsPlanned) - root(attempts));
  return {
    attempts,
    roundsLeft,
    spare: left - roundsLeft,
    epsilon: Math.max(epsilon, Math.min(epsilonAtEnd, epsilon + share * (epsilonAtEnd - epsilon))),
  };
}

export function Gauge({ head, history }: { head: TaskHead; history: readonly AttemptPoint[] }) {
  const { epsilon: budget, delta, privacyUnit, accountant, noiseMultiplier, threshold } = head.privacy;
  if (budget === null || head.epsilon === null) {
    return (
      <p>
        There is no budget: this task is not private, and every answer to “how much was learned?” is “possibly all”.
      </p>
    );
  }
  const forecast = forecastOf(head, history.length);
  const part = (value: number): string => `${Math.min(100, (100 * value) / budget)}%`;
  const over = head.state === 'finished' || head.state === 'stopped' || head.state === 'budget-spent';
  return (
    <div>
      <div
        class="gauge"
        role="meter"
        aria-label="Privacy budget spent"
        aria-valuemin={0}
        aria-valuemax={budget}
        aria-valuenow={Number(head.epsilon.toFixed(4))}
        aria-valuetext={`ε ${formatEpsilon(head.epsilon)} of ${budget}`}
      >
        {!over && forecast !== undefined && <i class="forecast" style={{ width: part(forecast.epsilon) }} />}
        <i style={{ width: part(head.epsilon) }} />
      </div>
      <div class="gauge-scale" aria-hidden="true">
        <span>0</span>
        <span>ε = {budget}</span>
      </div>
      <dl class="facts">
        <dt>spent</dt>
        <dd>
          ε = {formatEpsilon(head.epsilon)} at δ = {formatDelta(delta)}
        </dd>
        {!over && forecast !== undefined && forecast.roundsLeft > 0 && (
          <>
            <dt>forecast</dt>
            <dd>
              ε ≈ {formatEpsilon(forecast.epsilon)} after the last round
              {forecast.spare >= 0
                ? `; ${plural(forecast.spare, 'attempt')} may still fail`
                : '; the budget ends before the last round'}
            </dd>
          </>
        )}
        <dt>protects</dt>
        <dd>
          {privacyUnit === 'client' ? 'everything one participant has' : 'one example of one participant'}, counted by
          the {(accountant ?? 'ledger').toUpperCase()} accountant
        </dd>
        {noiseMultiplier !== null && (
          <>
            <dt>noise</dt>
            <dd>
              {noiseMultiplier.toFixed(2)} times the most that one{' '}
              {privacyUnit === 'client' ? 'participant' : 'example'} can weigh
              {threshold === null ? '' : `, in sums of at least ${threshold}`}
            </dd>
          </>
        )}
      </dl>
    </div>
  );
}
