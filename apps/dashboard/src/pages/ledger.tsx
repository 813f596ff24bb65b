/** The ledger: every charge, in the order it was made, and what recomputing it says. */

import type { LedgerView } from '../../../../src/runtime/view/task-view.ts';
import { getJson } from '../api.ts';
import { formatDelta, formatTime, plural, shortHash } from '../format.ts';
import type { LiveTask } from '../live.ts';
import { Async, useLoaded } from '../parts/async.tsx';
import { Table } from '../parts/table.tsx';
import { report } from '../report.ts';

const KINDS: Readonly<Record<string, string>> = {
  open: 'ledger opened',
  account: 'account opened',
  reserve: 'charged',
  commit: 'confirmed',
  abort: 'aborted, charge kept',
  unreadable: 'unreadable',
};

/** Lines shown; the file has them all. */
const SHOWN = 200;

export function LedgerTab({ live }: { live: LiveTask }) {
  const attempts = live.history.value.length;
  const loaded = useLoaded<LedgerView>(
    () =>
      report === undefined
        ? getJson(`/tasks/${encodeURIComponent(live.id)}/ledger`)
        : Promise.resolve(report.ledgers[live.id] as LedgerView),
    // A long ledger is recomputed by the server at each look: every tenth attempt is often enough.
    [live.id, Math.floor(attempts / 10), live.head.value.state],
  );
  return (
    <Async of={loaded}>
      {(ledger) =>
        ledger.lines.length === 0 ? (
          <p class="card empty">
            Nothing was charged:{' '}
            {live.head.value.privacy.trust === 'off' ? 'this task is not private.' : 'no round has opened.'}
          </p>
        ) : (
          <div class="stack">
            <section class="card" aria-label="What the ledger says">
              <header>
                <h2>{ledger.verified ? 'The ledger holds' : 'The ledger does not hold'}</h2>
                <p>{plural(ledger.lines.length, 'record')}</p>
              </header>
              {ledger.problem !== null && <p class="message bad">{ledger.problem}</p>}
              <dl class="facts">
                <dt>recomputed</dt>
                <dd>
                  {ledger.epsilon === null
                    ? '–'
                    : `ε = ${ledger.epsilon.toFixed(4)} at δ = ${formatDelta(ledger.delta)}, of ${ledger.budget ?? '–'} allowed (${ledger.accountant?.toUpperCase() ?? ''})`}
                </dd>
                <dt>head</dt>
                <dd class="mono">{ledger.head ?? '–'}</dd>
              </dl>
              <p class="soft">
                Each record holds the digest of the one before it. Anybody who has the file recomputes ε from nothing
                {report === undefined && (
                  <>
                    : <a href={`/api/tasks/${encodeURIComponent(live.id)}/ledger.jsonl`}>ledger.jsonl</a>
                  </>
                )}
                .
              </p>
            </section>
            <section class="card" aria-label="Records">
              <Table
                label="Records of the ledger"
                columns={['#No.', 'Time', 'What', '#Attempt', '#Round', 'Purpose', 'Digest']}
              >
                {ledger.lines
                  .slice(-SHOWN)
                  .toReversed()
                  .map(({ index, time, kind, attempt, round, purpose, hash }) => (
                    <tr key={index}>
                      <td class="number">{index}</td>
                      <td class="time">{formatTime(time)}</td>
                      <td>{KINDS[kind] ?? kind}</td>
                      <td class="number">{attempt ?? '–'}</td>
                      <td class="number">{round ?? '–'}</td>
                      <td>{purpose ?? '–'}</td>
                      <td class="mono" title={hash}>
                        {shortHash(hash)}
                      </td>
                    </tr>
                  ))}
              </Table>
              {ledger.lines.length > SHOWN && <p class="soft">The last {SHOWN} records; the file has all of them.</p>}
            </section>
          </div>
        )
      }
    </Async>
  );
}
