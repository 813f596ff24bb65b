/** The participants by pseudonym: how they stand, and how their last attempts went. */

import { useMemo, useState } from 'preact/hooks';

import type { ParticipantState, ParticipantView } from '../../../../src/runtime/view/task-view.ts';
import { sendForText } from '../api.ts';
import { formatBytes, plural } from '../format.ts';
import type { LiveTask } from '../live.ts';
import { Problem, useActs } from '../parts/acts.tsx';
import { Cohort } from '../parts/cohort.tsx';
import { Confirm, Dialog } from '../parts/dialog.tsx';
import { VirtualRows } from '../parts/virtual-rows.tsx';
import { permissions, session, whyOnlyAnOwner } from '../session.ts';
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
  const { busy, problem, act } = useActs();
  const [asked, setAsked] = useState<ParticipantView | undefined>(undefined);
  const [receipt, setReceipt] = useState<Receipt | undefined>(undefined);
  const mayErase = permissions(live.id).erase;
  const path = `/tasks/${encodeURIComponent(live.id)}/participants`;
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
        <Problem text={problem} />
        <div class={mayErase ? 'row names tools' : 'row names'} aria-hidden="true">
          <span>Pseudonym</span>
          <span>State</span>
          <span class="number">Rounds</span>
          <span class="number loss">Lost</span>
          <span class="number optional">Bytes</span>
          <span class="optional">Last attempts</span>
        </div>
        <VirtualRows
          count={shown.length}
          label="Participants: pseudonym, state, rounds, losses, bytes, last attempts"
          tools={mayErase}
          row={(index) => {
            const participant = shown[index] as ParticipantView;
            return (
              <>
                <Row participant={participant} over={over} />
                {mayErase && <Erase participant={participant} busy={busy} onAsk={setAsked} />}
              </>
            );
          }}
        />
        <p class="legend">● contributed ○ dropped out × the attempt was aborted · not drawn</p>
        {session.value?.mode === 'signed-in' && !mayErase && (
          <p class="soft">
            <button type="button" class="danger" disabled aria-describedby={WHY_NOT}>
              Erase a participant
            </button>{' '}
            <span id={WHY_NOT}>{whyOnlyAnOwner('erases participants')}</span>
          </p>
        )}
      </section>
      {asked !== undefined && (
        <Confirm
          title={`Erase ${asked.id}?`}
          act="Erase it for good"
          keep="Keep it"
          onAct={() =>
            act(sendForText('POST', `${path}/${encodeURIComponent(asked.id)}/erase`), (text) =>
              setReceipt({ participant: asked.id, text }),
            )
          }
          onClose={() => setAsked(undefined)}
        >
          {asked.label !== '' && <p class="soft">It calls itself {asked.label}.</p>}
          <p>
            Its key, its name, its messages and the salt of its commitments are destroyed: what the log says of it can
            no longer be linked to it. It leaves the task, and comes back only as somebody new, with another invitation.
          </p>
          <p>
            The model stays as it is (what it can tell of anybody is what ε bounds), and so does the pseudonym in the
            lines of metrics. Others’ receipts go on to hold.
          </p>
          <p class="soft">
            You get a receipt, once. It stands in the log and in the record under your name, and cannot be undone. In an
            open round it takes no more part, and is erased when you ask again after its end.
          </p>
        </Confirm>
      )}
      {receipt !== undefined && (
        <Dialog title={`${receipt.participant} is erased`} onClose={() => setReceipt(undefined)}>
          <p>This receipt proves it by the task’s log. It is not kept here: hand it to whoever asked.</p>
          <textarea readOnly rows={6} class="mono" aria-label="Receipt of the erasure" value={receipt.text} />
          <form method="dialog" class="actions">
            <button type="button" class="main" onClick={() => saveReceipt(receipt)} autofocus>
              Save the receipt
            </button>
            <button type="submit">Done</button>
          </form>
        </Dialog>
      )}
    </div>
  );
}

const WHY_NOT = 'why-not-erase';

/** What proves an erasure. */
interface Receipt {
  readonly participant: string;
  readonly text: string;
}

function saveReceipt({ participant, text }: Receipt): void {
  const anchor = document.createElement('a');
  anchor.href = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  anchor.download = `${participant}.erasure.tlog-proof`;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
}

function Erase({
  participant,
  busy,
  onAsk,
}: {
  participant: ParticipantView;
  busy: boolean;
  onAsk: (participant: ParticipantView) => void;
}) {
  return (
    <span role="cell" class="tool">
      {participant.state === 'revoked' ? (
        <span class="soft">erased</span>
      ) : (
        <button
          type="button"
          class="quiet danger"
          disabled={busy}
          aria-label={`Erase ${participant.id}`}
          onClick={() => onAsk(participant)}
        >
          Erase
        </button>
      )}
    </span>
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
      <span role="cell" class="number loss">
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
