/** Light or dark: as the system has it, unless somebody has chosen. */

import { effect, signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'sotto-theme';
const stored = (): Theme => {
  try {
    const value = localStorage.getItem(KEY);
    return value === 'light' || value === 'dark' ? value : 'system';
  } catch {
    return 'system';
  }
};

export const theme = signal<Theme>(stored());
const system = matchMedia('(prefers-color-scheme: dark)');
export const dark = signal(false);

const update = (): void => {
  dark.value = theme.value === 'dark' || (theme.value === 'system' && system.matches);
  document.documentElement.dataset.theme = dark.value ? 'dark' : 'light';
};
effect(update);
system.addEventListener('change', update);

export function chooseTheme(next: Theme): void {
  theme.value = next;
  try {
    if (next === 'system') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // A report opened from a disk may have no storage; the choice then lasts as long as the page.
  }
}
