/** The top of a page: its title, what it is about, and what may be done there. */

import type { ComponentChildren } from 'preact';

export function Head({
  title,
  about,
  children,
}: {
  title: string;
  about: ComponentChildren;
  children?: ComponentChildren;
}) {
  return (
    <div class="head">
      <div class="what">
        <h1>{title}</h1>
        <p>{about}</p>
      </div>
      {children}
    </div>
  );
}
