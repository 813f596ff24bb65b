import { useEffect } from 'preact/hooks';

import { PageView } from './parts/page-view.tsx';
import { Running } from './parts/running.tsx';
import { ThemeSwitch } from './parts/theme-switch.tsx';
import { WayIn } from './parts/way-in.tsx';
import { See } from './see/see.tsx';
import { online, show, simulated, takingPart, view, type View } from './state.ts';

const LINKS: readonly { readonly to: View; readonly text: string }[] = [
  { to: 'take-part', text: 'Take part' },
  { to: 'see', text: 'See for yourself' },
  { to: 'page', text: 'This page' },
];

export function App() {
  const now = view.value;
  useEffect(() => {
    document.title = `Sotto: ${LINKS.find(({ to }) => to === now)?.text.toLowerCase() ?? 'take part'}`;
  }, [now]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => skip(event)}>
        Skip to content
      </a>
      <header class="top">
        <span class="brand">
          <Mark />
          Sotto
        </span>
        <nav aria-label="Views">
          {LINKS.map(({ to, text }) => (
            <button
              key={to}
              type="button"
              class="tab"
              aria-current={to === now ? 'page' : undefined}
              onClick={() => show(to)}
            >
              {text}
            </button>
          ))}
        </nav>
        <ThemeSwitch />
      </header>
      {online.value ? null : (
        <p class="offline" role="status">
          You are offline. Nothing is lost: this page goes on when the connection is back.
        </p>
      )}
      {simulated.value && (
        <p class="offline" role="status">
          SIMULATED ATTESTATION: what this coordinator shows of its hardware protects nothing.
        </p>
      )}
      <main id="main" tabIndex={-1}>
        {now === 'see' ? <See /> : now === 'page' ? <PageView /> : takingPart.value ? <Running /> : <WayIn />}
      </main>
      <footer>
        <p>
          <i>Sotto voce</i>: under the voice. Many sing, and only the chord is heard.
        </p>
      </footer>
    </>
  );
}

function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function Mark() {
  return (
    <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
      <rect width="32" height="32" rx="7" class="mark-ground" />
      <path d="M7 20c3-8 6-8 9 0s6 8 9 0" fill="none" class="mark-wave" />
      <path d="M7 13c3-5 6-5 9 0s6 5 9 0" fill="none" class="mark-echo" />
    </svg>
  );
}
