import { describe, expect, it } from 'vitest';

import { describeAccessStore } from '../../../test/conformance/access-store.ts';
import { ACTIONS, BUILT_IN_ROLES, createMemoryAccessStore, formatScope, isAction, parseScope } from './index.ts';

describeAccessStore('memory', () =>
  Promise.resolve({ store: createMemoryAccessStore(), close: () => Promise.resolve() }),
);

describe('roles', () => {
  it('keep operating, releasing and reading the audit trail apart', () => {
    const holders = (action: (typeof ACTIONS)[number]): string[] =>
      BUILT_IN_ROLES.filter(({ actions }) => actions.includes(action)).map(({ name }) => name);
    expect([holders('task.create'), holders('model.release'), holders('audit.view')]).toEqual([
      ['operator'],
      ['owner'],
      ['auditor'],
    ]);
    for (const action of ACTIONS) expect(holders(action), action).not.toEqual([]);
    expect(isAction('task.everything')).toBe(false);
  });
});

describe('scopes', () => {
  it('are written and read alike, and nothing else is read', () => {
    for (const text of ['everything', 'task:a', 'dataset:http://x/y', 'model:m:1', 'service:installation']) {
      expect(formatScope(parseScope(text))).toBe(text);
    }
    for (const text of ['', 'all', 'task:', 'tasks:a', 'task:a b']) expect(() => parseScope(text)).toThrow(RangeError);
  });
});
