import { useEffect, useRef } from 'preact/hooks';

import { percent, plural, short } from '../format.ts';
import {
  attestation,
  budget,
  enrolment,
  fingerprint,
  join,
  leave,
  note,
  pause,
  phase,
  progress,
  receipts,
  save,
  show,
  summary,
  task,
} from '../state.ts';
import { Attestation } from './attestation.tsx';
import { Explained } from './explained.tsx';
import { Forget } from './forget.tsx';

const WORDS: Readonly<Record<string, string>> = {
  joining: 'Joining…',
  waiting: 'Taking part',
  computing: 'Computing',
  offline: 'The coordinator cannot be reached; trying again',
  paused: 'Paused: nothing is computed, nothing leaves',
};

/** A participation under way: progress, own budget, receipts, and the ways out. */
export function Running() {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const now = task.value;
  if (now === null) return null;
  const { round = 0, rounds = now.rounds, accuracy = null, participants = 0 } = progress.value ?? {};
  const ended = phase.value === 'ended';
  const paused = phase.value === 'paused';
  return (
    <>
      <section class="hero">
        <p class="eyebrow" role="status">
          <span class={`pulse ${phase.value}`} aria-hidden="true" />
          {ended ? `The task is ${note.value === 'stopped' ? 'stopped' : 'finished'}. Thank you.` : WORDS[phase.value]}
        </p>
        <h1 ref={heading} tabIndex={-1}>
          {now.name}
        </h1>
        <div class="meter">
          <Ring value={rounds === 0 ? 0 : round / rounds} text={`${round}`} under={`of ${plural(rounds, 'round')}`} />
          <Ring
            value={budget.value === null ? 0 : budget.value.spent / budget.value.limit}
            text={budget.value === null ? '0' : short(budget.value.spent)}
            under={`of ε ${short(budget.value?.limit ?? now.epsilon ?? 0)} spent`}
            tone="spent"
          />
          {accuracy !== null && (
            <Ring value={accuracy} text={percent(accuracy)} under="right on public test data" tone="good" />
          )}
        </div>
        <p class="small">
          {participants > 0 && !ended && `${plural(participants, 'participant')} here now. `}
          {summary.value !== null && `${plural(summary.value.size, 'example')} of yours stay on this device. `}
          {!ended && !paused && 'Keep this page open; you may do something else meanwhile.'}
        </p>
        {note.value !== null && !ended && <p class="notice">{note.value}</p>}
        <p class="actions">
          {paused ? (
            <button type="button" class="button" onClick={() => void join()}>
              Go on
            </button>
          ) : (
            !ended && (
              <button type="button" class="button" onClick={() => void pause()}>
                Pause
              </button>
            )
          )}
          {!ended && (
            <button type="button" class="button quiet" onClick={() => void leave()}>
              Leave
            </button>
          )}
          {ended && (
            <button type="button" class="button" onClick={() => show('see')}>
              See what the coordinator saw
            </button>
          )}
        </p>
      </section>
      <section aria-labelledby="my-budget">
        <h2 id="my-budget">My budget</h2>
        {budget.value === null || budget.value.charges === 0 ? (
          <p>Nothing was charged yet. A charge is written before your data is touched.</p>
        ) : (
          <p>
            {plural(budget.value.charges, 'charge')}: ε {short(budget.value.spent)} of at most{' '}
            {short(budget.value.limit)} at δ {budget.value.delta}. This is your own ledger: your browser keeps it, not
            the coordinator, and refuses a round that would exceed it. Its chain ends in{' '}
            <code class="digest">{budget.value.head}</code>.
          </p>
        )}
        <p class="actions">
          <button type="button" class="button quiet" onClick={() => void save('ledger')}>
            Save the ledger
          </button>
          <button type="button" class="button quiet" onClick={() => void save('receipts')}>
            Save the receipts
          </button>
        </p>
      </section>
      <section aria-labelledby="my-receipts">
        <h2 id="my-receipts">My receipts</h2>
        {receipts.value.receipts.length === 0 ? (
          <p>One for every round that closes.</p>
        ) : (
          <div class="scroll" tabIndex={0} role="region" aria-label="Receipts">
            <table>
              <thead>
                <tr>
                  <th scope="col">Round</th>
                  <th scope="col">Outcome</th>
                  <th scope="col">My ε after it</th>
                  <th scope="col">Cohort</th>
                  <th scope="col">Time</th>
                </tr>
              </thead>
              <tbody>
                {receipts.value.receipts.toReversed().map((receipt, i) => (
                  <tr key={i}>
                    <td>{receipt.round}</td>
                    <td>{receipt.outcome === 'committed' ? 'in the model' : 'aborted, charge kept'}</td>
                    <td>{receipt.epsilon === null ? '' : short(receipt.epsilon)}</td>
                    <td>{receipt.cohort.length}</td>
                    <td>{new Date(receipt.at).toLocaleTimeString()}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        <p class="small">
          {receipts.value.intact
            ? 'Each receipt names the one before it by its digest; the chain holds. '
            : 'THE CHAIN OF RECEIPTS IS BROKEN: one was taken out or changed. '}
          You are “{enrolment.value?.label ?? 'a browser'}”, {enrolment.value?.participant ?? ''}; your key begins with{' '}
          <code>{fingerprint.value}</code>.
        </p>
      </section>
      {attestation.value !== null && <Attestation view={attestation.value} />}
      <section>
        <details>
          <summary>What this task does, and what leaves the device</summary>
          <Explained task={now} />
        </details>
        <Forget />
      </section>
    </>
  );
}

function Ring({ value, text, under, tone = 'plain' }: { value: number; text: string; under: string; tone?: string }) {
  const length = 2 * Math.PI * 42;
  const shown = Math.min(1, Math.max(0, value));
  return (
    <div class={`ring ${tone}`} role="img" aria-label={`${text} ${under}`}>
      <svg viewBox="0 0 100 100" aria-hidden="true">
        <circle class="ring-ground" cx="50" cy="50" r="42" />
        <circle
          class="ring-value"
          cx="50"
          cy="50"
          r="42"
          stroke-dasharray={`${shown * length} ${length}`}
          transform="rotate(-90 50 50)"
        />
        <text x="50" y="57" text-anchor="middle">
          {text}
        </text>
      </svg>
      <span aria-hidden="true">{under}</span>
    </div>
  );
}
