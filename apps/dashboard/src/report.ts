/** The data of a self-contained report, where this page is one. */

import type { LedgerView, TaskView, ViewFacts } from '../../../src/runtime/view/task-view.ts';

interface Report {
  readonly facts: ViewFacts;
  readonly tasks: readonly TaskView[];
  readonly ledgers: Readonly<Record<string, LedgerView>>;
  readonly definitions: Readonly<Record<string, string>>;
  readonly cards: Readonly<Record<string, string>>;
}

const element = document.getElementById('report');

export const report = element === null ? undefined : (JSON.parse(element.textContent ?? '') as Report);
