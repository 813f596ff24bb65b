/** Where the page is: the part of the address behind the #, so that a report opened from a disk has pages too. */

import { signal } from '@preact/signals';

const read = (): readonly string[] =>
  location.hash
    .replace(/^#\/?/, '')
    .split('/')
    .filter((part) => part !== '')
    .map((part) => decodeURIComponent(part));

export const route = signal<readonly string[]>(read());

addEventListener('hashchange', () => {
  route.value = read();
  scrollTo(0, 0);
});

export const linkTo = (...parts: readonly string[]): string => `#/${parts.map(encodeURIComponent).join('/')}`;

export function goTo(...parts: readonly string[]): void {
  location.hash = linkTo(...parts);
}
