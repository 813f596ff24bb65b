/** One task: what it is, how it stands, and what may be done with it. */

import { useEffect } from 'preact/hooks';

import { followTask, type LiveTask, missing, task } from '../live.ts';
import { StatePill } from '../parts/state-pill.tsx';
import { linkTo, route } from '../router.ts';
import { loadRights, permissions } from '../session.ts';
import { promiseOf } from '../words.ts';
import { DefinitionTab } from './definition.tsx';
import { LedgerTab } from './ledger.tsx';
import { ModelTab } from './model.tsx';
import { ParticipantsTab } from './participants.tsx';
import { RoundsTab } from './rounds.tsx';
import { Steering } from './steering.tsx';
import { SummaryTab } from './summary.tsx';

const TABS = [
  ['', 'Overview'],
  ['rounds', 'Rounds'],
  ['participants', 'Participants'],
  ['ledger', 'Ledger'],
  ['model', 'Model'],
  ['definition', 'Task file'],
] as const;

export function TaskPage({ id }: { id: string }) {
  useEffect(() => followTask(id), [id]);
  useEffect(() => void loadRights(id), [id]);
  const followed = task.value;
  if (missing.value === id) {
    return (
      <div class="card empty">
        <h1>No such task</h1>
        <p>
          It is not here, or it may not be seen. <a href={linkTo()}>All tasks</a>
        </p>
      </div>
    );
  }
  if (followed === undefined || followed.id !== id) return <p class="soft">One moment …</p>;
  return <Followed live={followed} />;
}

function Followed({ live }: { live: LiveTask }) {
  const head = live.head.value;
  const [, , tab = ''] = route.value;
  useEffect(() => {
    document.title = `${head.name}: Sotto`;
  }, [head.name]);
  const tabs = TABS.filter(([name]) => name !== 'ledger' || permissions(live.id).ledger);
  return (
    <div class="stack">
      <div class="head">
        <div class="what">
          <div class="title">
            <h1>{head.name}</h1>
            <StatePill state={head.state} />
          </div>
          <p>{head.note === null ? promiseOf(head) : `${head.note} …`}</p>
        </div>
        <Steering head={head} />
      </div>
      <nav class="tabs" aria-label="Task">
        {tabs.map(([name, text]) => (
          <a
            key={name}
            href={name === '' ? linkTo('tasks', live.id) : linkTo('tasks', live.id, name)}
            {...(tab === name ? { 'aria-current': 'page' as const } : {})}
          >
            {text}
          </a>
        ))}
      </nav>
      <Tab live={live} name={tab} />
    </div>
  );
}

function Tab({ live, name }: { live: LiveTask; name: string }) {
  switch (name) {
    case 'rounds':
      return <RoundsTab live={live} />;
    case 'participants':
      return <ParticipantsTab live={live} />;
    case 'ledger':
      return <LedgerTab live={live} />;
    case 'model':
      return <ModelTab live={live} />;
    case 'definition':
      return <DefinitionTab id={live.id} />;
    default:
      return <SummaryTab live={live} />;
  }
}
