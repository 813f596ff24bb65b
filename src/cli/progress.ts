/**
 * Progress on standard error: one live line on a terminal, a plain line now and then elsewhere.
 *
 * @module
 */

import type { AttemptReport } from '../runtime/simulation/index.ts';

/** What the progress line shows; traffic and dropouts where there are any. */
export type ProgressReport = Pick<AttemptReport, 'round' | 'outcome' | 'epsilon'> & Partial<AttemptReport>;

/** What the progress line needs to know of the task. */
export interface ProgressFrame {
  readonly rounds: number;
  /** Budget; undefined without privacy. */
  readonly epsilon: number | undefined;
}

/** The progress of one run. */
export interface Progress {
  step(text: string): void;
  attempt(report: ProgressReport, frame: ProgressFrame): void;
  /** How far something is that takes longer than a person waits without a word: shown once it has. */
  work(work: Work): void;
  /** A line that stays. */
  note(text: string): void;
  end(): void;
}

/** A part of a step or of a round. */
export interface Work {
  readonly what: string;
  readonly done: number;
  readonly of: number;
}

const BAR = 24;

/** Work is shown when nothing else was for so long, and then on a terminal as often as the eye follows. */
const SILENCE_MS = 1000;
const FRAME_MS = 100;
/** Elsewhere every line stays. */
const PLAIN_SILENCE_MS = 2000;
const PLAIN_EVERY_MS = 10_000;

/** Creates the progress; `quiet` makes one that says nothing. */
export function createProgress({
  quiet,
  stream = process.stderr,
  now: clock = () => performance.now(),
}: {
  quiet: boolean;
  stream?: NodeJS.WriteStream;
  now?: () => number;
}): Progress {
  const live = stream.isTTY === true;
  const start = clock();
  let line = '';
  let lastPlain = start;
  /** When something else than work was said, and when work was. */
  let lastWord = start;
  let lastWork = -Infinity;
  let lastAttempt = '';
  let firstRound: { atMs: number; round: number } | undefined;
  let accuracy: number | undefined;
  let done = 0;
  const refusalsShown = new Set<string>();

  function show(text: string): void {
    // A terminal that nobody told its size says 0 columns.
    const width = Math.max(20, (stream.columns || 100) - 1);
    line = text.length > width ? `${text.slice(0, width - 1)}…` : text;
    stream.write(`\r\u001B[2K${line}`);
  }

  function note(text: string): void {
    if (quiet) return;
    stream.write(live && line !== '' ? `\r\u001B[2K${text}\n${line}` : `${text}\n`);
  }

  return {
    step(text) {
      if (quiet) return;
      lastWord = clock();
      if (live) show(`${text} …`);
      else note(`${text} …`);
    },
    attempt(report, { rounds, epsilon }) {
      if (quiet) return;
      accuracy = report.accuracy ?? accuracy;
      // An attempt that was aborted may have been opened rounds ago.
      done = Math.max(done, report.outcome === 'committed' ? report.round : report.round - 1);
      if (report.outcome === 'aborted')
        note(`round ${report.round} aborted, its charge is kept: ${report.reason ?? ''}`);
      for (const [refusal, count] of Object.entries(report.refusals ?? {})) {
        if (!refusalsShown.has(refusal)) note(`refused (${count} times in round ${report.round}): ${refusal}`);
        refusalsShown.add(refusal);
      }
      const now = clock();
      lastWord = now;
      firstRound ??= { atMs: now, round: done };
      const perRound = (now - firstRound.atMs) / Math.max(1, done - firstRound.round);
      // Nothing is known of the pace before the second round.
      const left = done > firstRound.round ? [`${formatSeconds(((rounds - done) * perRound) / 1000)} left`] : [];
      const text = [
        `round ${String(done).padStart(String(rounds).length)}/${rounds}`,
        ...(live ? [bar(done / rounds)] : []),
        accuracy === undefined ? 'accuracy …' : `accuracy ${(accuracy * 100).toFixed(2)} %`,
        epsilon === undefined ? 'NOT PRIVATE' : `ε ${report.epsilon.toFixed(2)} of ${epsilon}`,
        ...(report.dropouts === undefined
          ? []
          : [`${report.dropouts} ${report.dropouts === 1 ? 'dropout' : 'dropouts'}`]),
        ...(report.bytesPerParticipant === undefined ? [] : [`${formatBytes(report.bytesPerParticipant)}/participant`]),
        ...left,
      ].join('  ');
      lastAttempt = text;
      if (live) show(text);
      else if (now - lastPlain > 2000 || done === rounds || report.round === 1) {
        lastPlain = now;
        note(text);
      }
    },
    work({ what, done, of }) {
      const now = clock();
      const [silenceMs, everyMs] = live ? [SILENCE_MS, FRAME_MS] : [PLAIN_SILENCE_MS, PLAIN_EVERY_MS];
      if (quiet || now - lastWord < silenceMs || now - lastWork < everyMs) return;
      lastWork = now;
      const text = `${what}: ${done.toLocaleString('en')} of ${of.toLocaleString('en')}`;
      // What the last round came to stays in sight.
      if (live) show(lastAttempt === '' ? text : `${text}  │  ${lastAttempt}`);
      else note(text);
    },
    note,
    end() {
      if (live && !quiet && line !== '') stream.write('\r\u001B[2K');
      line = '';
    },
  };
}

function bar(fraction: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * BAR);
  return '━'.repeat(filled) + '─'.repeat(BAR - filled);
}

/** A number of bytes for people: powers of ten. */
export function formatBytes(bytes: number): string {
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  if (bytes >= 1e3) return `${Math.round(bytes / 1e3)} kB`;
  return `${bytes} B`;
}

/** A duration for people. */
export function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
