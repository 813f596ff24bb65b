/** Everybody as a dot, on one canvas: a thousand participants cost one drawing. */

import { useEffect, useRef } from 'preact/hooks';

import type { ParticipantState, ParticipantView } from '../../../../src/runtime/view/task-view.ts';
import { dark } from '../theme.ts';
import { participantWords, stateAfter, wordsAfter } from '../words.ts';

const TONES: Readonly<Record<ParticipantState, string>> = {
  waiting: 'strong-line',
  working: 'second',
  answered: 'accent',
  dropped: 'bad',
  away: 'line',
  revoked: 'third',
};
const STATES = Object.keys(TONES) as ParticipantState[];

export function Cohort({ participants, over }: { participants: readonly ParticipantView[]; over: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const counts = new Map<ParticipantState, number>();
  const stateOf = (participant: ParticipantView): ParticipantState =>
    over ? stateAfter(participant) : participant.state;
  const words = over ? wordsAfter : participantWords;
  for (const state of participants.map(stateOf)) counts.set(state, (counts.get(state) ?? 0) + 1);
  const theme = dark.value;

  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d') ?? null;
    if (element === null || context === null) return undefined;
    const draw = (): void => {
      const width = element.clientWidth;
      const ratio = devicePixelRatio;
      const step = participants.length > 400 ? 11 : participants.length > 100 ? 16 : 24;
      const columns = Math.max(1, Math.floor(width / step));
      const height = Math.ceil(participants.length / columns) * step;
      if (element.width !== Math.round(width * ratio) || element.height !== Math.round(height * ratio)) {
        element.width = Math.round(width * ratio);
        element.height = Math.round(height * ratio);
        element.style.height = `${height}px`;
      }
      const style = getComputedStyle(document.documentElement);
      const colors = new Map(STATES.map((state) => [state, style.getPropertyValue(`--${TONES[state]}`)]));
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, width, height);
      const radius = step * 0.36;
      for (const [i, participant] of participants.entries()) {
        context.fillStyle = colors.get(stateOf(participant)) ?? '';
        context.beginPath();
        context.arc(((i % columns) + 0.5) * step, (Math.floor(i / columns) + 0.5) * step, radius, 0, 7);
        context.fill();
      }
    };
    draw();
    const observer = new ResizeObserver(draw);
    observer.observe(element.parentElement ?? element);
    return () => observer.disconnect();
  }, [participants, theme, over]);

  const shown = STATES.filter((state) => counts.has(state));
  return (
    <div>
      <canvas
        class="cohort"
        ref={canvas}
        role="img"
        aria-label={`Participants: ${shown.map((state) => `${counts.get(state) ?? 0} ${words[state]}`).join(', ')}`}
      />
      <div class="legend">
        {shown.map((state) => (
          <span key={state}>
            <i style={{ background: `var(--${TONES[state]})` }} />
            {counts.get(state)} {words[state]}
          </span>
        ))}
      </div>
    </div>
  );
}
