/** Every attempt, and where participants were lost. */

import { useMemo, useState } from 'preact/hooks';

import type { AttemptPoint } from '../../../../src/runtime/view/task-view.ts';
import { formatBytes, formatEpsilon, formatPercent, formatSeconds, plural } from '../format.ts';
import type { LiveTask } from '../live.ts';
import { Table } from '../parts/table.tsx';
import { Timeline } from '../parts/timeline.tsx';
import { latenessWords, stageWords } from '../words.ts';

/** Rows shown before somebody asks for more. */
const FIRST = 40;

export function RoundsTab({ live }: { live: LiveTask }) {
  const history = live.history.value;
  const [chosen, choose] = useState<number | undefined>(undefined);
  const [all, showAll] = useState(false);
  const newest = useMemo(() => history.toReversed(), [history]);
  const shown = all ? newest : newest.slice(0, FIRST);
  const point = history.find(({ attempt }) => attempt === chosen) ?? newest[0];
  const isBuffered = history.some(({ staleness }) => staleness !== undefined);
  const virtual = live.head.value.mode !== 'served';
  if (point === undefined) return <p class="card empty">No round has ended yet.</p>;
  return (
    <div class="grid">
      <section class="card wide" aria-label="One attempt">
        <header>
          <h2>
            Attempt {point.attempt}, round {point.round}
          </h2>
          <p>
            {point.outcome}, {point.staleness !== undefined && `${latenessWords(point.staleness)}, `}
            {plural(point.contributors, 'contributor')}, {plural(point.dropouts, 'dropout')}
          </p>
        </header>
        {point.reason !== undefined && <p class="message bad">{point.reason}</p>}
        <Timeline stages={point.stages ?? []} virtual={virtual} />
        {point.dropped !== undefined && (
          <p class="soft">
            Lost:{' '}
            {Object.entries(point.dropped)
              .map(([who, stage]) => `${who} (${stageWords(stage).name})`)
              .join(', ')}
          </p>
        )}
      </section>
      <section class="card third" aria-label="Dropouts by stage">
        <header>
          <h2>Lost by stage</h2>
          <p>in all attempts</p>
        </header>
        <LostByStage history={history} />
      </section>
      <section class="card" aria-label="All attempts">
        <Table
          label="Table of attempts"
          columns={[
            'Attempt',
            'Round',
            'Outcome',
            ...(isBuffered ? ['#Versions late'] : []),
            '#Contributors',
            '#Dropouts',
            '#ε after',
            '#Accuracy',
            '#Bytes each',
            '#Time',
          ]}
        >
          {shown.map((each) => (
            <tr key={each.attempt} data-chosen={each.attempt === point.attempt}>
              <td>
                <button
                  type="button"
                  class="quiet choose"
                  aria-pressed={each.attempt === point.attempt}
                  onClick={() => choose(each.attempt)}
                >
                  {each.attempt}
                </button>
              </td>
              <td>{each.round}</td>
              <td>
                <span class="pill" data-tone={each.outcome === 'committed' ? 'good' : 'bad'}>
                  {each.outcome}
                </span>
              </td>
              {isBuffered && <td class="number">{each.staleness ?? '–'}</td>}
              <td class="number">{each.contributors}</td>
              <td class="number">{each.dropouts}</td>
              <td class="number">{each.epsilon === null ? '–' : formatEpsilon(each.epsilon)}</td>
              <td class="number">{formatPercent(each.accuracy ?? null)}</td>
              <td class="number">
                {each.bytesPerParticipant === undefined ? '–' : formatBytes(each.bytesPerParticipant)}
              </td>
              <td class="number">{formatSeconds(each.seconds)}</td>
            </tr>
          ))}
        </Table>
        {!all && newest.length > FIRST && (
          <p>
            <button type="button" onClick={() => showAll(true)}>
              Show all {newest.length}
            </button>
          </p>
        )}
      </section>
    </div>
  );
}

function LostByStage({ history }: { history: readonly AttemptPoint[] }) {
  const lost = useMemo(() => {
    const counts = new Map<string, number>();
    for (const { stages = [] } of history) {
      for (const { stage, expected, answered } of stages) {
        counts.set(stage, (counts.get(stage) ?? 0) + expected - answered);
      }
    }
    return [...counts];
  }, [history]);
  const most = Math.max(1, ...lost.map(([, count]) => count));
  if (lost.length === 0) return <p class="soft">No stage has been recorded.</p>;
  return (
    <div class="bars">
      {lost.map(([stage, count]) => (
        <>
          <span>{stageWords(stage).name}</span>
          <span>{count > 0 && <i style={{ width: `${(100 * count) / most}%` }} />}</span>
          <span class="number">{count}</span>
        </>
      ))}
    </div>
  );
}
