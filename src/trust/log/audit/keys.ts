/**
 * The audit of what a log tells of keys: every act was intended before it was done, nothing was done to a key that was
 * destroyed, and what keeps the keys changed by acts that were written down alone.
 *
 * @module
 */

import type { LeafOf, LogLeaf } from '../leaf.ts';
import type { Findings } from './report.ts';

const WORDS: Readonly<Record<LeafOf<'key'>['act'], string>> = {
  made: 'was made',
  replaced: 'was replaced',
  'handed-over': 'was handed over',
  destroyed: 'was destroyed',
  'found-changed': 'or what keeps it was changed, and no act that does so was written down',
};

/**
 * Checks the entries about keys. Every one but the making of a key is told in the report's notes.
 * @returns the digest of what keeps the keys after the last entry; null where the log tells of none.
 */
export function auditKeys(
  leaves: readonly LogLeaf[],
  { findings, file }: { findings: Findings; file: string },
): string | null {
  const broken = (index: number, why: string): void =>
    findings.add('verify/story-broken', file, `leaf ${index}: ${why}`);
  const noteCut = ({ time, key, act }: LeafOf<'key'>): void =>
    void findings.notes.push(`${time} key ${key}: ${act} was begun, and no entry tells its end`);
  const destroyed = new Set<string>();
  let state: string | null = null;
  let open: LeafOf<'key'> | undefined;
  for (const [index, leaf] of leaves.entries()) {
    if (leaf.kind !== 'key') continue;
    const { act, key, phase, detail, time } = leaf;
    if (act === 'found-changed') {
      if (open !== undefined) noteCut(open);
    } else if (phase === 'intended') {
      // Where nothing tells whether it happened, an act that was cut stays as it is; else the next entry must say.
      if (open?.state === null) noteCut(open);
      else if (open !== undefined) broken(index, `${open.act} ${open.key} has no end`);
      if (state !== leaf.state) broken(index, 'what keeps the keys changed without an entry');
    } else if (open === undefined) {
      broken(index, `${act} ${key} was not intended before`);
    } else if (open.act !== act || open.key !== key) {
      broken(index, `${open.act} ${open.key} was intended, and ${act} ${key} is said to have ended`);
    } else if (phase === 'undone' && open.state !== leaf.state) {
      broken(index, `${act} ${key} is said not to have happened, and what keeps the keys changed`);
    }
    open = phase === 'intended' ? leaf : undefined;
    ({ state } = leaf);
    if (phase === 'undone') findings.notes.push(`${time} key ${key}: ${act} was begun and did not happen`);
    if (phase !== 'done') continue;
    if (act !== 'destroyed' && destroyed.has(key)) broken(index, `${act} ${key}, which was destroyed before`);
    if (act === 'destroyed') destroyed.add(key);
    if (act !== 'made') findings.notes.push(`${time} key ${key} ${WORDS[act]}${detail === '' ? '' : ` (${detail})`}`);
  }
  if (open !== undefined) noteCut(open);
  return open === undefined ? state : null;
}
