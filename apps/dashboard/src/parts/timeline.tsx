/** An attempt as its stages: how many answered, how long it took, how much was sent, who was lost where. */

import type { StageView } from '../../../../src/runtime/view/task-view.ts';
import { formatBytes, formatSeconds } from '../format.ts';
import { stageWords } from '../words.ts';

export function Timeline({ stages, virtual }: { stages: readonly StageView[]; virtual: boolean }) {
  if (stages.length === 0) return <p class="soft">No stage has been recorded.</p>;
  return (
    <ol class="timeline">
      {stages.map(({ stage, expected, answered, startMs, endMs, sizeBytes }) => {
        const { name, about } = stageWords(stage);
        const lost = endMs === null ? 0 : expected - answered;
        return (
          <li key={stage} data-state={endMs === null ? 'open' : 'done'} title={about}>
            <div class="track">
              <i style={{ width: `${expected === 0 ? 0 : (100 * answered) / expected}%` }} />
            </div>
            <b>{name}</b>
            <span>
              {answered} of {expected} answered
            </span>
            <span>
              {endMs === null
                ? 'open'
                : `${formatSeconds((endMs - startMs) / 1000)}${virtual ? ' of network time' : ''}`}
            </span>
            {sizeBytes > 0 && <span>{formatBytes(sizeBytes)} sent</span>}
            {lost > 0 && <span class="lost">{lost} lost here</span>}
          </li>
        );
      })}
    </ol>
  );
}

/** The same in brief, where several attempts are open: a bar a stage, and the one that is open in words. */
export function StageBars({ stages }: { stages: readonly StageView[] }) {
  const last = stages.at(-1);
  return (
    <>
      <div class="stage-bars" aria-hidden="true">
        {stages.map(({ stage, expected, answered, endMs }) => (
          <span class="track" key={stage} data-state={endMs === null ? 'open' : 'done'} title={stageWords(stage).name}>
            <i style={{ width: `${expected === 0 ? 0 : (100 * answered) / expected}%` }} />
          </span>
        ))}
      </div>
      {last !== undefined && (
        <p class="stage-now">
          {stageWords(last.stage).name}: {last.answered} of {last.expected} answered
        </p>
      )}
    </>
  );
}
