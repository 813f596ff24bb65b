import { render } from 'preact';
import { useEffect } from 'preact/hooks';

import { Layout } from './parts/layout.tsx';
import { CreatePage } from './pages/create.tsx';
import { PeoplePage, RecordPage } from './pages/people.tsx';
import { SettingsPage } from './pages/settings.tsx';
import { SignInPage } from './pages/sign-in.tsx';
import { TaskPage } from './pages/task.tsx';
import { TasksPage } from './pages/tasks.tsx';
import { heads } from './live.ts';
import { report } from './report.ts';
import { goTo, route } from './router.ts';
import { loadSession, session } from './session.ts';
import './style.css';

function Page() {
  const [page = '', id = ''] = route.value;
  const current = session.value;
  if (current === undefined) return <p class="soft">One moment …</p>;
  if (current.mode === 'signed-out') return <SignInPage signedOut={current} />;
  if (current.mode === 'signed-in' && current.roles.length === 0 && page !== 'settings') return <NoRole {...current} />;
  switch (page) {
    case 'tasks':
      return id === '' ? <TasksPage /> : <TaskPage id={id} />;
    case 'new':
      return <CreatePage />;
    case 'people':
      return <PeoplePage />;
    case 'record':
      return <RecordPage />;
    case 'settings':
      return <SettingsPage />;
    case 'setup':
    case 'sign-in-failed':
    case '':
      return current.mode === 'open' ? <OnlyTask /> : <TasksPage />;
    default:
      return (
        <div class="card empty">
          <h1>No such page</h1>
          <p>
            <a href="#/">All tasks</a>
          </p>
        </div>
      );
  }
}

/** Somebody who is known and has no right yet. */
function NoRole({ name, subject }: { name: string; subject: string }) {
  return (
    <div class="card empty">
      <h1>Welcome, {name}</h1>
      <p>You have no role here yet. Ask an owner to give one to</p>
      <p class="mono">{subject}</p>
      <p>
        <a href="#/settings">Settings, sign out</a>
      </p>
    </div>
  );
}

/** A run has one task: its page is the first one. */
function OnlyTask() {
  const known = heads.value;
  useEffect(() => {
    if (known?.length === 1 && known[0] !== undefined) goTo('tasks', known[0].id);
  }, [known]);
  return <TasksPage />;
}

function App() {
  useEffect(() => {
    loadSession().catch(() => {
      session.value = { mode: 'signed-out', setup: false, oidc: null };
    });
  }, []);
  return (
    <Layout>
      <Page />
    </Layout>
  );
}

if (report !== undefined) document.title = `${report.tasks[0]?.head.name ?? 'Report'}: Sotto`;
render(<App />, document.getElementById('app') as HTMLElement);
