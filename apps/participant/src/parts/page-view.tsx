import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { type BundleCheck, checkBundle, takeUpdate } from '../bundle.ts';
import { bytes, plural } from '../format.ts';

const check = signal<BundleCheck | null>(null);
const problem = signal<string | null>(null);
const kept = signal(false);

async function look(): Promise<void> {
  problem.value = null;
  kept.value = navigator.serviceWorker?.controller !== null && navigator.serviceWorker !== undefined;
  try {
    check.value = await checkBundle();
  } catch (error) {
    problem.value = error instanceof Error ? error.message : 'the files could not be read';
  }
}

/** What this page is made of, what its hash proves, and what it does not. */
export function PageView() {
  useEffect(() => void look(), []);
  const found = check.value;
  return (
    <>
      <section class="hero">
        <h1>This page</h1>
        <p class="lead">
          The code that protects you came from the coordinator’s server. That is so with every web page, and worth
          knowing.
        </p>
      </section>
      <section aria-labelledby="its-hash">
        <h2 id="its-hash">Its hash</h2>
        <div aria-live="polite">
          {problem.value !== null && <p class="problem">{problem.value}</p>}
          {found === null && problem.value === null && <p>Hashing the files…</p>}
          {found !== null && (
            <>
              <p>Your browser has just hashed the {plural(found.files.length, 'file')} of this page:</p>
              <p>
                <code class="digest big">{found.digest}</code>
              </p>
              <p class={found.wrong.length === 0 ? 'verdict good' : 'verdict bad'}>
                {found.wrong.length === 0
                  ? 'Every file is what the bundle’s list says.'
                  : `Not what the list says: ${found.wrong.join(', ')}.`}
              </p>
              {found.live !== null && found.live !== found.digest && (
                <p class="notice">
                  The server has another version now: <code class="digest">{found.live}</code>. You keep using the one
                  above until you take it.{' '}
                  <button
                    type="button"
                    class="button quiet"
                    onClick={() => void takeUpdate().catch((error: Error) => (problem.value = error.message))}
                  >
                    Take the new version
                  </button>
                </p>
              )}
              <p class="actions">
                <button type="button" class="button quiet" onClick={() => void look()}>
                  Hash again
                </button>
              </p>
              <details>
                <summary>The files</summary>
                <div class="scroll" tabIndex={0} role="region" aria-label="Files of this page">
                  <table>
                    <thead>
                      <tr>
                        <th scope="col">File</th>
                        <th scope="col">Size</th>
                        <th scope="col">SHA-256</th>
                      </tr>
                    </thead>
                    <tbody>
                      {found.files.map(({ path, sha256, sizeBytes }) => (
                        <tr key={path}>
                          <td>{path}</td>
                          <td>{bytes(sizeBytes)}</td>
                          <td>
                            <code class="digest">{sha256}</code>
                          </td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </div>
              </details>
            </>
          )}
        </div>
      </section>
      <section aria-labelledby="what-it-proves">
        <h2 id="what-it-proves">What that proves, and what not</h2>
        <ul>
          <li>
            <b>Compare it from outside.</b> A page that lies could lie about its hash too. Ask another participant for
            theirs, or build the page from its sources: <code>npm ci && node scripts/build-apps.ts participant</code>{' '}
            writes the same digest to <code>dist/apps/participant/bundle.json</code>.
          </li>
          <li>
            <b>Scripts are pinned.</b> The page names the hash of each script it loads; your browser runs no other.
            Nothing comes from another host: the page’s policy forbids it.
          </li>
          <li>
            <b>{kept.value ? 'This browser keeps this version.' : 'Install it to keep a version.'}</b> The kept page
            opens without asking the server, and changes only when you take a new one. A server could still replace the
            small script that keeps it (<code>sw.js</code>, hashed above too).
          </li>
          <li>
            <b>If you need more than that,</b> take part from your own machine with <code>sotto join</code>: that code
            is yours.
          </li>
        </ul>
      </section>
      <section aria-labelledby="what-it-keeps">
        <h2 id="what-it-keeps">What it keeps on this device</h2>
        <ul>
          <li>A key that tells you from others, sealed under one that your browser hands out to nobody.</li>
          <li>Your ledger and your receipts, in the format of every other participant.</li>
          <li>The tasks you joined, and this page. Not your data: you choose it again after closing the page.</li>
        </ul>
      </section>
    </>
  );
}
