/** How a task stands: figures, curves, the budget, the round that is open. */

import { useMemo } from 'preact/hooks';

import type { AttemptPoint, RoundView, TaskHead } from '../../../../src/runtime/view/task-view.ts';
import { formatBytes, formatCount, formatEpsilon, formatPercent, formatSeconds, plural } from '../format.ts';
import type { LiveTask } from '../live.ts';
import { Chart } from '../parts/chart.tsx';
import { Cohort } from '../parts/cohort.tsx';
import { Gauge } from '../parts/gauge.tsx';
import { StageBars, Timeline } from '../parts/timeline.tsx';
import { isOver, latenessWords } from '../words.ts';

export function SummaryTab({ live }: { live: LiveTask }) {
  const head = live.head.value;
  const history = live.history.value;
  const alarms = live.alarms.value;
  return (
    <div class="stack">
      {alarms.length > 0 && (
        <ul class="alarms" aria-label="To be known">
          {alarms
            .slice(-6)
            .toReversed()
            .map(({ level, code, text, attempt }) => (
              <li key={`${code}${attempt ?? ''}`} data-level={level}>
                {text}
              </li>
            ))}
        </ul>
      )}
      <Figures head={head} isBuffered={history.some(({ staleness }) => staleness !== undefined)} />
      <div class="grid">
        <Curves head={head} history={history} />
        <section class="card half" aria-label="Budget">
          <header>
            <h2>Budget</h2>
          </header>
          <Gauge head={head} history={history} />
        </section>
        <OpenRounds live={live} />
        <section class="card half" aria-label="Participants">
          <header>
            <h2>Participants</h2>
            <p>
              {isOver(head.state)
                ? `at most ${formatCount(head.participants)} in a round`
                : `${formatCount(head.present)} there now`}
            </p>
          </header>
          {live.participants.value.length === 0 ? (
            <p class="soft">
              {head.mode === 'single-party' ? 'One party trains on all of the data.' : 'Nobody has joined yet.'}
            </p>
          ) : (
            <Cohort participants={live.participants.value} over={isOver(head.state)} />
          )}
        </section>
      </div>
    </div>
  );
}

function Figures({ head, isBuffered }: { head: TaskHead; isBuffered: boolean }) {
  const { privacy } = head;
  // Those that were open at once took the same seconds.
  const timed = isBuffered ? 'attempts, added up' : 'rounds';
  return (
    <dl class="figures">
      <div>
        <dt>Round</dt>
        <dd>
          {head.round} of {head.rounds}
          <small>{head.seconds > 0 ? `${formatSeconds(head.seconds)} of ${timed}` : 'not begun'}</small>
        </dd>
      </div>
      <div>
        <dt>Accuracy</dt>
        <dd>
          {formatPercent(head.accuracy)}
          <small>on public test data</small>
        </dd>
      </div>
      <div>
        <dt>Privacy spent</dt>
        <dd>
          {privacy.epsilon === null ? 'none is kept' : `ε ${formatEpsilon(head.epsilon)}`}
          <small>{privacy.epsilon === null ? 'not private' : `of ${privacy.epsilon}`}</small>
        </dd>
      </div>
      <div>
        <dt>Dropouts</dt>
        <dd>
          {formatCount(head.dropouts)}
          <small>{head.aborted === 0 ? 'no round was lost' : `${plural(head.aborted, 'round')} aborted`}</small>
        </dd>
      </div>
      <div>
        <dt>Traffic</dt>
        <dd>
          {head.bytesPerParticipant === 0 ? '–' : formatBytes(head.bytesPerParticipant)}
          <small>per participant and round</small>
        </dd>
      </div>
    </dl>
  );
}

function Curves({ head, history }: { head: TaskHead; history: readonly AttemptPoint[] }) {
  const columns = useMemo(() => {
    const of = (get: (point: AttemptPoint) => number | null | undefined): (number | null)[] =>
      history.map((point) => get(point) ?? null);
    return {
      // In the order in which they ended: several may be open at once.
      x: history.map((_, i) => i + 1),
      names: history.map(({ attempt }) => attempt),
      epsilon: of(({ epsilon }) => epsilon),
      budget: history.map(() => head.privacy.epsilon),
      accuracy: of(({ accuracy }) => accuracy),
      loss: of(({ loss }) => loss),
    };
  }, [history, head.privacy.epsilon]);
  const { x, names } = columns;
  const waiting = <p class="soft">The first round has not ended yet.</p>;
  return (
    <>
      <section class="card half" aria-label="Accuracy">
        <header>
          <h2>Accuracy</h2>
          <p>{formatPercent(head.accuracy)}</p>
        </header>
        {x.length === 0 ? (
          waiting
        ) : (
          <Chart
            x={x}
            names={names}
            series={[{ name: 'accuracy', values: columns.accuracy, tone: 'accent', points: true }]}
            format={(value) => `${Math.round(value * 100)} %`}
            label={`Accuracy on public test data over ${plural(x.length, 'attempt')}, now ${formatPercent(head.accuracy)}`}
          />
        )}
      </section>
      <section class="card half" aria-label="Loss">
        <header>
          <h2>Loss</h2>
          <p>{head.loss === null ? '–' : head.loss.toFixed(4)}</p>
        </header>
        {columns.loss.every((value) => value === null) ? (
          <p class="soft">
            {x.length === 0 ? 'The first round has not ended yet.' : 'Not measured: there is no public test data here.'}
          </p>
        ) : (
          <Chart
            x={x}
            names={names}
            series={[{ name: 'loss', values: columns.loss, tone: 'third', points: true }]}
            format={(value) => String(Number(value.toPrecision(4)))}
            label={`Loss on public test data, now ${head.loss === null ? 'unknown' : head.loss.toFixed(4)}`}
          />
        )}
      </section>
      {head.privacy.epsilon !== null && (
        <section class="card half" aria-label="Privacy spent">
          <header>
            <h2>ε, attempt by attempt</h2>
            <p>{formatEpsilon(head.epsilon)}</p>
          </header>
          {x.length === 0 ? (
            waiting
          ) : (
            <Chart
              x={x}
              names={names}
              series={[
                { name: 'ε', values: columns.epsilon, tone: 'accent' },
                { name: 'budget', values: columns.budget, tone: 'second', dashed: true },
              ]}
              format={(value) => (value === 0 ? '0' : value.toFixed(2))}
              label={`Epsilon spent, now ${formatEpsilon(head.epsilon)} of ${head.privacy.epsilon}`}
              min={0}
              max={head.privacy.epsilon * 1.08}
            />
          )}
        </section>
      )}
    </>
  );
}

/** The attempt that is open, or the last; of several that are open, each in brief. */
function OpenRounds({ live }: { live: LiveTask }) {
  const open = live.open.value;
  const last = live.history.value.at(-1);
  if (open.length > 1) return <OpenSideBySide open={open} done={live.head.value.round} />;
  const [current] = open;
  const title =
    current === undefined ? (last === undefined ? 'Round' : `Round ${last.round}, the last`) : `Round ${current.round}`;
  return (
    <section class="card half" aria-label="Current round">
      <header>
        <h2>{title}</h2>
        <p>
          {current === undefined
            ? last === undefined
              ? 'none yet'
              : `${last.outcome}, ${last.contributors} contributed`
            : `attempt ${current.attempt}, ${current.cohort} drawn`}
        </p>
      </header>
      {current === undefined && last?.stages === undefined ? (
        <p class="soft">A round opens when enough participants are there.</p>
      ) : (
        <Timeline
          stages={current?.stages ?? last?.stages ?? []}
          virtual={current?.virtual ?? live.head.value.mode !== 'served'}
        />
      )}
    </section>
  );
}

function OpenSideBySide({ open, done }: { open: readonly RoundView[]; done: number }) {
  return (
    <section class="card half" aria-label="Open rounds">
      <header>
        <h2>{open.length} cohorts at once</h2>
        <p>{plural(done, 'round')} done</p>
      </header>
      {/* Many do not fit: whoever has no pointer scrolls by the keyboard. */}
      <ul class="open-rounds" tabIndex={0} aria-label="Attempts that are open, the oldest first">
        {open.map(({ attempt, round, cohort, stages }) => (
          <li key={attempt}>
            <h3>Attempt {attempt}</h3>
            <p>
              {cohort} drawn, {latenessWords(done + 1 - round)}
            </p>
            <StageBars stages={stages} />
          </li>
        ))}
      </ul>
    </section>
  );
}
