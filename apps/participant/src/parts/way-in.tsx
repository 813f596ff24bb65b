import { summaryOf } from '../explain.ts';
import {
  attestation,
  choose,
  enrolment,
  enrolments,
  forgotten,
  join,
  joinError,
  label,
  lookError,
  phase,
  place,
  refusal,
  show,
  summary,
  task,
} from '../state.ts';
import { Attestation } from './attestation.tsx';
import { ConditionsForm } from './conditions.tsx';
import { DataDrop } from './data-drop.tsx';
import { Explained } from './explained.tsx';
import { Forget } from './forget.tsx';

/** From the invitation to taking part, in four steps on one page. */
export function WayIn() {
  const now = task.value;
  if (now === null) return <Threshold />;
  const ready = summary.value !== null && refusal.value === null && phase.value !== 'joining';
  const again = enrolment.value !== undefined;
  return (
    <>
      <section class="hero">
        <p class="eyebrow">{again ? 'Welcome back to' : 'You are invited to'}</p>
        <h1>{now.name}</h1>
        <p class="lead">{summaryOf(now)}</p>
      </section>
      <section aria-labelledby="step-1">
        <h2 id="step-1">
          <span class="step">1</span> What happens
        </h2>
        <Explained task={now} />
        <p class="small">
          Do not take our word for it:{' '}
          <button type="button" class="link" onClick={() => show('see')}>
            see for yourself
          </button>{' '}
          what the coordinator would get, with and without each protection.
        </p>
      </section>
      <section aria-labelledby="step-2">
        <h2 id="step-2">
          <span class="step">2</span> Your data
        </h2>
        <DataDrop />
      </section>
      <section aria-labelledby="step-3">
        <h2 id="step-3">
          <span class="step">3</span> Your conditions
        </h2>
        <ConditionsForm />
      </section>
      <section aria-labelledby="step-4">
        <h2 id="step-4">
          <span class="step">4</span> Take part
        </h2>
        <label class="field wide">
          <span>What the operator sees you as</span>
          <input
            type="text"
            maxLength={80}
            placeholder="a browser"
            value={label.value}
            onInput={(event) => (label.value = event.currentTarget.value)}
          />
          <span class="small">Need not be your name.</span>
        </label>
        {joinError.value !== null && (
          <p class="problem" role="alert">
            {joinError.value}
          </p>
        )}
        {joinError.value !== null && attestation.value !== null && <Attestation view={attestation.value} />}
        <p class="actions">
          <button type="button" class="button big" disabled={!ready} onClick={() => void join()}>
            {phase.value === 'joining' ? 'Joining…' : again ? 'Go on' : 'Take part'}
          </button>
          <span class="small" aria-live="polite">
            {summary.value === null
              ? 'Choose your data first.'
              : refusal.value === null
                ? 'You can pause or leave at any time. What was released stays released.'
                : 'The task does not meet your conditions.'}
          </span>
        </p>
        {again && <Forget />}
      </section>
    </>
  );
}

/** Without a task: why, and what this browser knows. */
function Threshold() {
  const waiting = place.value !== null && lookError.value === null;
  return (
    <section class="hero">
      <h1>{forgotten.value ? 'Everything is forgotten' : 'Train a model together, keep your data'}</h1>
      {lookError.value !== null && (
        <p class="problem" role="alert">
          {lookError.value}
        </p>
      )}
      {waiting ? (
        <p class="lead" role="status">
          Reading the task and working out its plan…
        </p>
      ) : forgotten.value ? (
        <p class="lead">
          Key, ledger, receipts and the kept page are gone from this browser. What the sums already hold cannot be taken
          back; it is what the noise is for.
        </p>
      ) : (
        <p class="lead">
          Open the link of your invitation to take part. It ends in <code>#task=…&amp;token=…</code>, which your browser
          sends to nobody.
        </p>
      )}
      {enrolments.value.length > 0 && (
        <>
          <h2>Tasks of this browser</h2>
          <ul class="tasks">
            {enrolments.value.map((each) => (
              <li key={`${each.url} ${each.taskId}`}>
                <button type="button" class="row" onClick={() => void choose(each)}>
                  <b>{each.task.name}</b>
                  <span class="small">
                    joined {new Date(each.joinedAt).toLocaleDateString()} as “{each.label}”, {each.state}
                  </span>
                </button>
              </li>
            ))}
          </ul>
          <Forget />
        </>
      )}
      <p>
        <button type="button" class="button quiet" onClick={() => show('see')}>
          See for yourself what protections do
        </button>
      </p>
    </section>
  );
}
