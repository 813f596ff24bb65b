/** The task file with every default spelled out: what was promised, to the last key. */

import { getText } from '../api.ts';
import { Async, useLoaded } from '../parts/async.tsx';
import { report } from '../report.ts';

export function DefinitionTab({ id }: { id: string }) {
  const loaded = useLoaded(
    () =>
      report === undefined
        ? getText(`/tasks/${encodeURIComponent(id)}/definition`)
        : Promise.resolve(report.definitions[id] ?? ''),
    [id],
  );
  return (
    <section class="card" aria-label="Task file">
      <header>
        <h2>Task file</h2>
        <p>every default spelled out</p>
      </header>
      <Async of={loaded}>
        {(text) => (
          <pre tabIndex={0}>{text === '' ? 'The task file is written when the run has been planned.' : text}</pre>
        )}
      </Async>
    </section>
  );
}
