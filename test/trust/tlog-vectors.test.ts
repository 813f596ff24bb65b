/**
 * The probes of transparency-dev/merkle for proofs of RFC 6962 and of subtrees: every verdict as they expect it, and a
 * verdict, never an exception, for every one with a byte changed.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import {
  decodeBase64,
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from '../../src/trust/log/index.ts';

const path = fileURLToPath(new URL('../../../shared/vectors/tlog/rfc6962-proof-probes.json', import.meta.url));
const present = existsSync(path);
const note = present ? '' : ' (skipped: vectors not present)';

interface Probe {
  readonly wantErr: boolean;
  readonly desc: string;
  readonly case: string;
  readonly proof: readonly string[] | null;
  readonly [key: string]: unknown;
}
const kinds = ['inclusion', 'consistency', 'subtreeinclusion', 'subtreeconsistency'] as const;
type Kind = (typeof kinds)[number];
const probes = present
  ? (JSON.parse(readFileSync(path, 'utf8')) as Record<Kind, readonly Probe[]>)
  : { inclusion: [], consistency: [], subtreeinclusion: [], subtreeconsistency: [] };

const hash = (text: unknown): Uint8Array => decodeBase64(typeof text === 'string' ? text : '') ?? new Uint8Array();
const count = (value: unknown): bigint | number => (Number(value) < 0 ? Number(value) : BigInt(value as number));

function verdict(kind: Kind, probe: Probe, flip?: { field: number; byte: number }): boolean {
  const fields = ['root', 'leafHash', 'root1', 'root2'].filter((name) => probe[name] !== undefined);
  const hashes = new Map(fields.map((name) => [name, hash(probe[name]).slice()]));
  const proof = (probe.proof ?? []).map((each) => hash(each).slice());
  if (flip !== undefined) {
    const all = [...hashes.values(), ...proof];
    const target = all[flip.field % all.length] as Uint8Array;
    if (target.length > 0) target[flip.byte % target.length] = (target[flip.byte % target.length] as number) ^ 0x41;
  }
  const at = (name: string): Uint8Array => hashes.get(name) as Uint8Array;
  switch (kind) {
    case 'inclusion':
      return verifyInclusion({
        index: count(probe['leafIdx']),
        size: count(probe['treeSize']),
        root: at('root'),
        leafHash: at('leafHash'),
        proof,
      });
    case 'consistency':
      return verifyConsistency({
        size1: count(probe['size1']),
        size2: count(probe['size2']),
        root1: at('root1'),
        root2: at('root2'),
        proof,
      });
    case 'subtreeinclusion':
      return verifySubtreeInclusion({
        index: count(probe['leafIdx']),
        start: count(probe['start']),
        end: count(probe['end']),
        root: at('root'),
        leafHash: at('leafHash'),
        proof,
      });
    case 'subtreeconsistency':
      return verifySubtreeConsistency({
        start: count(probe['start']),
        end: count(probe['end']),
        size: count(probe['size']),
        root1: at('root1'),
        root2: at('root2'),
        proof,
      });
  }
}

describe.skipIf(!present)(`probes of RFC 6962 proofs${note}`, () => {
  it.each(kinds)('gives every verdict of "%s" as expected', (kind) => {
    const wrong = probes[kind].filter((probe) => verdict(kind, probe) === probe.wantErr);
    expect(wrong.map(({ case: name, desc }) => `${name}: ${desc}`)).toEqual([]);
    expect(probes[kind].some(({ wantErr }) => !wantErr)).toBe(true);
  });

  it.each(kinds)('accepts nothing of "%s" once a byte is changed, and never throws', (kind) => {
    const accepted: string[] = [];
    for (const probe of probes[kind]) {
      for (let i = 0; i < 64; i += 1) {
        if (verdict(kind, probe, { field: i, byte: 7 * i }) && !ignoresRoot2(kind, probe))
          accepted.push(`${probe.case} ${i}`);
      }
    }
    expect(accepted).toEqual([]);
  });
});

/** No leaves are part of every tree, whatever its root is. */
function ignoresRoot2(kind: Kind, probe: Probe): boolean {
  return kind === 'subtreeconsistency' && probe['start'] === probe['end'];
}
