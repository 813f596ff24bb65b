import { expect, it } from 'vitest';

import { createBudgetNotes } from './budget-notes.ts';

it('says once that most of a budget is spent, and nothing where there is none', () => {
  const lines: string[] = [];
  const tell = createBudgetNotes({ epsilon: 2, delta: 1e-5 }, (line) => lines.push(line));
  for (const epsilon of [0.5, 1.5, 1.6, 1.7, 1.9, 2]) tell(epsilon);
  expect(lines).toEqual([
    '80 % of the budget is spent: ε 1.600 of 2 at δ 0.00001',
    '95 % of the budget is spent: ε 1.900 of 2 at δ 0.00001',
  ]);
  createBudgetNotes(undefined, (line) => lines.push(line))(5);
  expect(lines).toHaveLength(2);
});
