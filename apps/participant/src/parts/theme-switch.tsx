import { signal } from '@preact/signals';

type Theme = 'auto' | 'light' | 'dark';
const ORDER: readonly Theme[] = ['auto', 'light', 'dark'];
const WORDS: Readonly<Record<Theme, string>> = { auto: 'as the device', light: 'light', dark: 'dark' };

const theme = signal<Theme>('auto');
theme.subscribe((value) => {
  if (value === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
});

export function ThemeSwitch() {
  const next = ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length] as Theme;
  return (
    <button type="button" class="theme" onClick={() => (theme.value = next)} title={`Colors: ${WORDS[theme.value]}`}>
      <span class="hidden">
        Colors: {WORDS[theme.value]}. Change to {WORDS[next]}.
      </span>
      <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
        <circle cx="12" cy="12" r="8" fill="none" stroke="currentColor" stroke-width="1.8" />
        <path
          d={
            theme.value === 'auto'
              ? 'M12 4a8 8 0 0 1 0 16z'
              : theme.value === 'dark'
                ? 'M12 4a8 8 0 0 0 0 16a8 8 0 0 0 0-16z'
                : 'M12 12z'
          }
          fill="currentColor"
        />
      </svg>
    </button>
  );
}
