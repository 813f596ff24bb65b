/** All tasks at a glance. */

import { useEffect } from 'preact/hooks';

import type { TaskHead } from '../../../../src/runtime/view/task-view.ts';
import { formatEpsilon, formatPercent, plural } from '../format.ts';
import { followTasks, heads } from '../live.ts';
import { Head } from '../parts/head.tsx';
import { StatePill } from '../parts/state-pill.tsx';
import { linkTo } from '../router.ts';
import { permissions } from '../session.ts';
import { promiseOf } from '../words.ts';

export function TasksPage() {
  useEffect(followTasks, []);
  const tasks = heads.value;
  return (
    <div class="stack">
      <Head title="Tasks" about="What is trained here, on whose data, and what it has cost in privacy.">
        {permissions().create && (
          <div class="actions">
            <a class="button main" href={linkTo('new')}>
              New task
            </a>
          </div>
        )}
      </Head>
      {tasks === undefined ? (
        <p class="soft">One moment …</p>
      ) : tasks.length === 0 ? (
        <div class="card empty">
          <p>There is no task yet.</p>
          <p class="soft">{permissions().create ? 'Make one with the button above.' : 'An operator makes one.'}</p>
        </div>
      ) : (
        <div class="tasks">
          {tasks.map((head) => (
            <TaskCard key={head.id} head={head} />
          ))}
        </div>
      )}
    </div>
  );
}

function TaskCard({ head }: { head: TaskHead }) {
  const { privacy } = head;
  return (
    <a class="card" href={linkTo('tasks', head.id)}>
      <div>
        <div class="title">
          <h2>{head.name}</h2>
          <StatePill state={head.state} />
        </div>
        <small>{promiseOf(head)}</small>
      </div>
      <div>
        <strong>
          {head.round} of {head.rounds}
        </strong>
        <small>rounds, {plural(head.present, 'participant')} there</small>
      </div>
      <div>
        <strong>{formatPercent(head.accuracy)}</strong>
        <small>accuracy on public test data</small>
      </div>
      <div>
        <strong>{privacy.epsilon === null ? 'not private' : `ε ${formatEpsilon(head.epsilon)}`}</strong>
        <small>{privacy.epsilon === null ? 'protects nobody' : `of ${privacy.epsilon} allowed`}</small>
      </div>
    </a>
  );
}
