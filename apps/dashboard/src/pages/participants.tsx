/** The participants by pseudonym: how they stand, and how their last attempts went. */

import { useMemo, useState } from 'preact/hooks';

import type { ParticipantState, ParticipantView } from '../../../../src/runtime/view/task-view.ts';
import { formatBytes, plural } from '../format.ts';
import type { LiveTask } from '../live.ts';
import { Cohort } from '../parts/cohort.tsx';
import { VirtualRows } from '../parts/virtual-rows.tsx';
import { isOver, participantWords, stageWords, stateAfter, wordsAfter } from '../words.ts';

const TONES: Readonly<Partial<Record<ParticipantState, string>>> = {
  answered: 'good',
  working: 'warn',
  dropped: 'bad',
  revoked: 'bad',
};
const MARKS: Readonly<Record<string, string>> = { c: '●', d: '○', a: '×', '-': '·' };

export function ParticipantsTab({ live }: { live: LiveTask }) {
  const participants = live.participants.value;
  const [text, setText] = useState('');
  const over = isOver(live.head.value.state);
  const shown = useMemo(() => {
    const wanted = text.trim().toLowerCase();
    return wanted === ''
      ? participants
      : participants.filter(({ id, label, state }) =>
          `${id} ${label} ${participantWords[state]}`.toLowerCase().includes(wanted),
        );
  }, [participants, text]);
  if (participants.length === 0) {
    return (
      <p class="card empty">
        {live.head.value.mode === 'single-party'
          ? 'One party trains on all of the data: there are no participants.'
          : 'Nobody has joined yet. Participants are known by a key and a pseudonym; what they call themselves is shown and never trusted.'}
      </p>
    );
  }
  return (
    <div class="stack">
      <section class="card" aria-label="Everybody">
        <Cohort participants={participants} over={over} />
      </section>
      <section class="card" aria-label="Participants">
        <header>
          <h2>{plural(shown.length, 'participant')}</h2>
          <label>
            <span class="hidden">Find a participant</span>
            <input
              type="search"
              placeholder="Find"
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </label>
        </header>
        <div class="row names" aria-hidden="true">
          <span>Pseudonym</span>
          <span>State</span>
          <span class="number">Rounds</span>
          <span class="number">Lost</span>
          <span class="number optional">Bytes</span>
          <span class="optional">Last attempts</span>
        </div>
        <VirtualRows
          count={shown.length}
          label="Participants: pseudonym, state, rounds, losses, bytes, last attempts"
          row={(index) => <Row participant={shown[index] as ParticipantView} over={over} />}
        />
        <p class="legend">● contributed ○ dropped out × the attempt was aborted · not drawn</p>
      </section>
    </div>
  );
}

function Row({ participant, over }: { participant: ParticipantView; over: boolean }) {
  const { id, label, stage, contributed, dropped, sizeBytes, history } = participant;
  const state = over ? stateAfter(participant) : participant.state;
  return (
    <>
      <span role="cell" title={label === '' ? id : `${id}: ${label}`}>
        <span class="mono">{id}</span>
        {label !== '' && <span class="soft"> {label}</span>}
      </span>
      <span role="cell">
        <span class="pill" data-tone={TONES[state] ?? 'plain'} title={stage === null ? '' : stageWords(stage).name}>
          {over ? wordsAfter[state] : participantWords[state]}
        </span>
      </span>
      <span role="cell" class="number">
        {contributed}
      </span>
      <span role="cell" class="number">
        {dropped}
      </span>
      <span role="cell" class="number optional">
        {sizeBytes === 0 ? '–' : formatBytes(sizeBytes)}
      </span>
      <span role="cell" class="past optional" aria-label={`last attempts, newest last: ${history}`}>
        {Array.from(history.slice(-20), (mark) => MARKS[mark] ?? mark).join('')}
      </span>
    </>
  );
}
