/** A new task without code: the form, what the task would cost and give, and its file. */

import { useEffect, useState } from 'preact/hooks';

import { getJson, messageOf, send } from '../api.ts';
import { formatBytes, formatCount, formatEpsilon, formatPercent, formatSeconds, plural } from '../format.ts';
import { Async, useLoaded } from '../parts/async.tsx';
import { Head } from '../parts/head.tsx';
import { goTo } from '../router.ts';
import { permissions } from '../session.ts';
import { Field, type Schema } from './form.tsx';

interface TaskForm {
  readonly schema: Schema;
  readonly explanations: Readonly<Record<string, string>>;
  readonly choices: Readonly<Record<string, string>>;
  readonly start: Readonly<Record<string, unknown>>;
}

interface Preview {
  readonly parameters: number;
  readonly rounds: number;
  readonly attempts: number;
  readonly epsilonAtEnd: number | null;
  readonly epsilonPerAttempt: number | null;
  readonly noiseMultiplier: number | null;
  readonly bytesPerRound: number;
  readonly bytesTotal: number;
  readonly secondsPerRound: number;
  readonly secondsTotal: number;
  readonly accuracy:
    | { readonly kind: 'unknown' }
    | {
        readonly kind: 'earlier';
        readonly tasks: readonly {
          readonly name: string;
          readonly epsilon: number | null;
          readonly accuracy: number;
        }[];
      };
}

/** Quiet after the last key, before a preview is asked for. */
const QUIET_MS = 500;

export function CreatePage() {
  const form = useLoaded(() => getJson<TaskForm>('/form'), []);
  return (
    <div class="stack">
      <Head
        title="A new task"
        about="Nothing runs, is charged or leaves any device before participants have joined and accepted what is written here."
      />
      {permissions().create ? (
        <Async of={form}>{(loaded) => <Creating form={loaded} />}</Async>
      ) : (
        <p class="message bad">Your roles do not allow this: ask an owner for the role operator.</p>
      )}
    </div>
  );
}

function Creating({ form }: { form: TaskForm }) {
  const [task, setTask] = useState<unknown>(form.start);
  const [preview, setPreview] = useState<{ preview: Preview; text: string } | undefined>(undefined);
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const [computing, setComputing] = useState(false);

  useEffect(() => {
    let wanted = true;
    const timer = setTimeout(() => {
      setComputing(true);
      send<{ preview: Preview; text: string }>('POST', '/preview', { task })
        .then(
          (answer) => {
            if (!wanted) return;
            setPreview(answer);
            setProblem('');
          },
          (error: unknown) => wanted && setProblem(messageOf(error)),
        )
        .finally(() => wanted && setComputing(false));
    }, QUIET_MS);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [task]);

  function create(event: SubmitEvent): void {
    event.preventDefault();
    setBusy(true);
    send<{ id: string }>('POST', '/tasks', { task })
      .then(({ id }) => goTo('tasks', id))
      .catch((error: unknown) => setProblem(messageOf(error)))
      .finally(() => setBusy(false));
  }

  return (
    <form class="with-preview" onSubmit={create} noValidate>
      <div>
        <Field
          name=""
          path=""
          schema={form.schema}
          value={task}
          required
          explanations={form.explanations}
          choiceWords={form.choices}
          onChange={setTask}
        />
      </div>
      <aside class="card stack" id="preview" aria-label="Preview" aria-busy={computing}>
        <h2>What it would mean</h2>
        {problem !== '' && (
          <p class="message bad" role="alert">
            {problem.replaceAll(/task:\d+: /g, '')}
          </p>
        )}
        {preview === undefined ? (
          problem === '' && <p class="soft">One moment …</p>
        ) : (
          <Meaning preview={preview.preview} stale={problem !== ''} />
        )}
        <button class="main" type="submit" disabled={busy || problem !== '' || preview === undefined}>
          Create the task
        </button>
        {preview !== undefined && (
          <details>
            <summary>The task file</summary>
            <pre tabIndex={0}>{preview.text}</pre>
          </details>
        )}
      </aside>
      {preview !== undefined && (
        <button
          type="button"
          class="strip"
          onClick={() => document.getElementById('preview')?.scrollIntoView({ behavior: 'smooth' })}
        >
          {problem === '' ? briefOf(preview.preview) : 'This cannot run yet: see why'}
        </button>
      )}
    </form>
  );
}

/** The preview in one line, for narrow pages on which the whole of it stands below the form. */
function briefOf({ epsilonAtEnd, bytesTotal, rounds }: Preview): string {
  const privacy = epsilonAtEnd === null ? 'protects nobody' : `ε ${formatEpsilon(epsilonAtEnd)}`;
  return `${privacy} · ${plural(rounds, 'round')} · ${formatBytes(bytesTotal)} each`;
}

function Meaning({ preview, stale }: { preview: Preview; stale: boolean }) {
  const { accuracy } = preview;
  return (
    <dl class="facts" style={{ opacity: stale ? 0.5 : 1 }}>
      <dt>privacy</dt>
      <dd>
        {preview.epsilonAtEnd === null || preview.epsilonPerAttempt === null
          ? 'none: it protects nobody'
          : `ε = ${formatEpsilon(preview.epsilonAtEnd)} after ${plural(preview.attempts, 'attempt')}, ${formatEpsilon(preview.epsilonPerAttempt)} after the first`}
      </dd>
      {preview.noiseMultiplier !== null && (
        <>
          <dt>noise</dt>
          <dd>{preview.noiseMultiplier.toFixed(2)} times the clip norm</dd>
        </>
      )}
      <dt>accuracy</dt>
      <dd>
        {accuracy.kind === 'unknown'
          ? 'not known: no task with this model and data has run here'
          : accuracy.tasks
              .map(
                ({ name, epsilon, accuracy: reached }) =>
                  `${formatPercent(reached)} by ${name}${epsilon === null ? '' : ` at ε ${formatEpsilon(epsilon)}`}`,
              )
              .join('; ')}
      </dd>
      <dt>model</dt>
      <dd>{plural(preview.parameters, 'parameter')}</dd>
      <dt>traffic</dt>
      <dd>
        {formatBytes(preview.bytesPerRound)} per participant and round, {formatBytes(preview.bytesTotal)} in all
      </dd>
      <dt>time</dt>
      <dd>
        about {formatSeconds(preview.secondsPerRound)} of computing a round, {formatSeconds(preview.secondsTotal)} for{' '}
        {formatCount(preview.rounds)}; waiting for participants comes on top
      </dd>
    </dl>
  );
}
