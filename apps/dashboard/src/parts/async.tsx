/** What is asked for once: loading, refused, or there. */

import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import { messageOf } from '../api.ts';

type Loaded<T> =
  | { readonly kind: 'loading' }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'there'; readonly value: T };

/** Loads a value, again when a dependency has changed. */
export function useLoaded<T>(load: () => Promise<T>, dependencies: readonly unknown[]): Loaded<T> {
  const [state, setState] = useState<Loaded<T>>({ kind: 'loading' });
  useEffect(() => {
    let wanted = true;
    load().then(
      (value) => wanted && setState({ kind: 'there', value }),
      (error: unknown) => wanted && setState({ kind: 'failed', why: messageOf(error) }),
    );
    return () => {
      wanted = false;
    };
  }, dependencies);
  return state;
}

export function Async<T>({ of, children }: { of: Loaded<T>; children: (value: T) => ComponentChildren }) {
  if (of.kind === 'loading') return <p class="soft">One moment …</p>;
  if (of.kind === 'failed') return <p class="message bad">{of.why}</p>;
  return <>{children(of.value)}</>;
}
