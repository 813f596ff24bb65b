/** The models of a task: digest, card, release and download. */

import { useState } from 'preact/hooks';

import type { ModelView } from '../../../../src/runtime/view/task-view.ts';
import { getJson, getText, send } from '../api.ts';
import { formatBytes, formatCount, formatEpsilon, formatPercent } from '../format.ts';
import type { LiveTask } from '../live.ts';
import { Problem, useActs } from '../parts/acts.tsx';
import { Async, useLoaded } from '../parts/async.tsx';
import { Confirm } from '../parts/dialog.tsx';
import { Markdown } from '../parts/markdown.tsx';
import { report } from '../report.ts';
import { linkTo } from '../router.ts';
import { isAlone, type Permissions, permissions, session, whyOnlyAnOwner } from '../session.ts';

/** A release as the coordinator tells it. */
interface Release {
  readonly id: string;
  readonly digest: string;
  readonly proposedBy: string;
  readonly state: string;
  readonly approvals: readonly string[];
  readonly required: number;
}

export function ModelTab({ live }: { live: LiveTask }) {
  const [model] = live.models.value;
  const path = `/tasks/${encodeURIComponent(live.id)}`;
  const card = useLoaded(
    () => (report === undefined ? getText(`${path}/card`) : Promise.resolve(report.cards[live.id] ?? '')),
    [live.id, live.head.value.round, live.head.value.state],
  );
  return (
    <div class="grid">
      <section class="card half" aria-label="Model">
        <header>
          <h2>Model</h2>
          <p>{model === undefined ? '' : `after round ${model.round}`}</p>
        </header>
        {model === undefined ? (
          <p class="soft">The task has no model yet.</p>
        ) : (
          <div class="stack">
            <dl class="facts">
              <dt>SHA-256</dt>
              <dd class="mono">{model.sha256}</dd>
              <dt>size</dt>
              <dd>
                {formatCount(model.parameters)} parameters, {formatBytes(model.sizeBytes)}
              </dd>
              <dt>accuracy</dt>
              <dd>{formatPercent(model.accuracy)} on public test data</dd>
              <dt>privacy</dt>
              <dd>
                {model.epsilon === null
                  ? 'none: this model protects nobody'
                  : `ε = ${formatEpsilon(model.epsilon)}, paid already; using the model costs nothing more`}
              </dd>
            </dl>
            {session.value?.mode === 'signed-in' ? (
              <Releases task={live.id} path={path} model={model} />
            ) : (
              report === undefined && permissions().download && <Download path={path} />
            )}
          </div>
        )}
      </section>
      <section class="card half" aria-label="Model card">
        <header>
          <h2>Card</h2>
          <p>what it promises, and what not</p>
        </header>
        <Async of={card}>{(text) => <Markdown text={text} />}</Async>
      </section>
    </div>
  );
}

function Download({ path }: { path: string }) {
  return (
    <p>
      <a class="button main" href={`/api${path}/model`} download>
        Download the model
      </a>
    </p>
  );
}

/** What somebody who could approve, but operates the task as well, has to do next. */
function NextStep({ can }: { can: Permissions }) {
  if (isAlone()) {
    return (
      <p class="soft">
        You are alone here: you may download the model, which is recorded as not released, and cannot approve what you
        run yourself. {can.grant && <a href={linkTo('people')}>Make an account for a second person</a>} as owner: from
        then on a model leaves only as approved.
      </p>
    );
  }
  if (can.steer && can.release) {
    return (
      <p class="soft">
        You operate tasks, so you cannot approve: an owner without the role operator does.{' '}
        {can.grant && <a href={linkTo('people')}>Who that is</a>}
      </p>
    );
  }
  return null;
}

const WHY_NOT = 'why-not-decide';
/** Whether there is something left to reject or to take back. */
const canClose = (state: string): boolean => state === 'proposed' || state === 'released';

function Releases({ task, path, model }: { task: string; path: string; model: ModelView }) {
  const can = permissions(task);
  const { turn, busy, problem, act } = useActs();
  const [closing, setClosing] = useState<Pick<Release, 'id' | 'digest' | 'state'> | undefined>(undefined);
  const mayDecide = can.release && !can.steer;
  const loaded = useLoaded(() => getJson<readonly Release[]>(`${path}/releases`), [path, turn]);
  return (
    <div class="stack tight">
      <h3>Release</h3>
      <p class="soft">Whoever operates the task proposes these exact bytes; somebody else, an owner, approves them.</p>
      <NextStep can={can} />
      <Problem text={problem} />
      <Async of={loaded}>
        {(releases) => (
          <>
            {releases.map(({ id, digest, state, proposedBy, approvals, required }) => (
              <p key={id}>
                <span class="pill" data-tone={state === 'released' ? 'good' : 'plain'}>
                  {state}
                </span>{' '}
                <span class="mono">{digest.slice(0, 12)}…</span> proposed by {proposedBy}, {approvals.length} of{' '}
                {required} approved{' '}
                <span class="actions inline">
                  {mayDecide && state === 'proposed' && (
                    <button
                      type="button"
                      onClick={() => act(send('POST', `${path}/releases/${id}/approve`, { digest }))}
                    >
                      Approve
                    </button>
                  )}
                  {canClose(state) && (
                    <button
                      type="button"
                      class="danger"
                      disabled={!mayDecide || busy}
                      {...(mayDecide ? {} : { 'aria-describedby': WHY_NOT })}
                      onClick={() => setClosing({ id, digest, state })}
                    >
                      {state === 'released' ? 'Take back' : 'Reject'}
                    </button>
                  )}
                </span>
              </p>
            ))}
            {!mayDecide && releases.some(({ state }) => canClose(state)) && (
              <p class="soft" id={WHY_NOT}>
                {whyOnlyAnOwner('who does not operate tasks approves, rejects and takes back')}
              </p>
            )}
            {can.download &&
              (isAlone() || releases.some(({ digest, state }) => digest === model.sha256 && state === 'released')) && (
                <Download path={path} />
              )}
            {can.propose && !releases.some(({ digest, state }) => digest === model.sha256 && canClose(state)) && (
              <button type="button" onClick={() => act(send('POST', `${path}/releases`, { digest: model.sha256 }))}>
                Propose this model
              </button>
            )}
          </>
        )}
      </Async>
      {closing !== undefined && (
        <Confirm
          title={closing.state === 'released' ? 'Take this release back?' : 'Reject this proposal?'}
          act={closing.state === 'released' ? 'Take it back' : 'Reject it'}
          keep="Leave it as it is"
          onAct={() => act(send('POST', `${path}/releases/${closing.id}/reject`))}
          onClose={() => setClosing(undefined)}
        >
          <p>
            {closing.state === 'released'
              ? 'From now on nobody can download these bytes. Whoever has them already keeps them: tell those it went to.'
              : 'These bytes are not released. Whoever operates the task can propose them, or a later model, again.'}
          </p>
          <p class="mono">{closing.digest}</p>
          <p class="soft">It stands in the record under your name, and cannot be undone.</p>
        </Confirm>
      )}
    </div>
  );
}
