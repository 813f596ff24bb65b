/**
 * The readable record of a check: what was looked at, when, against which roots, and with what outcome. It stays with
 * the participant, can be exported, and is what its page shows.
 *
 * @module
 */

import canonicalize from 'canonicalize';

import { toHex } from '../../../foundations/crypto/index.ts';
import type { AttestationDecision } from '../policy/evaluate.ts';
import type { AttestationPolicy } from '../policy/policy.ts';
import type { AttestationResult, ChainEntry, Check, Refusal, TeeKind, Verdict } from '../result.ts';
import { SIMULATED_BANNER } from '../simulated/evidence.ts';
import { printable } from '../text-encodings.ts';

/** One check, as it is kept. Everything is text or number, so that it survives as JSON. */
export interface AttestationRecord {
  readonly sotto: 'attestation-record/1';
  readonly outcome: 'accepted' | 'refused';
  /** Present and true when the evidence was simulated; nothing was protected then. */
  readonly insecureSimulated: boolean;
  /** ISO time of the check. */
  readonly checkedAt: string;
  /** Until when the decision stands. */
  readonly standsUntil?: string;
  readonly coordinator: string;
  readonly task: string;
  readonly tee?: TeeKind;
  readonly tcbStatus?: string;
  readonly advisoryIds: readonly string[];
  readonly measurements: Readonly<Record<string, string>>;
  readonly matched?: string;
  readonly trustRoot?: { readonly name: string; readonly sha256: string };
  readonly chain: readonly ChainEntry[];
  readonly checks: readonly Check[];
  readonly refusals: readonly Refusal[];
  readonly warnings: readonly string[];
  /** SHA-256 digests in hexadecimal. */
  readonly evidenceDigest: string;
  readonly taskPolicyDigest: string;
  readonly codeDigest: string;
  readonly publicKey: string;
  readonly policy: AttestationPolicy;
}

/** What a record is made of. */
export interface RecordSource {
  readonly verdict: Verdict;
  readonly decision: AttestationDecision;
  readonly policy: AttestationPolicy;
  readonly at: Date;
  readonly standsUntil?: Date;
  readonly coordinator: string;
  readonly task: string;
  readonly evidenceDigest: Uint8Array;
  readonly taskPolicyDigest: Uint8Array;
  readonly codeDigest: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** Makes the record of a check. */
export function createRecord(source: RecordSource): AttestationRecord {
  const { verdict, decision, standsUntil } = source;
  const result: AttestationResult | undefined = verdict.result;
  return {
    sotto: 'attestation-record/1',
    outcome: decision.accepted ? 'accepted' : 'refused',
    insecureSimulated: decision.simulated,
    checkedAt: source.at.toISOString(),
    ...(standsUntil === undefined ? {} : { standsUntil: standsUntil.toISOString() }),
    coordinator: source.coordinator,
    task: source.task,
    ...(result === undefined ? {} : { tee: result.tee, tcbStatus: result.tcbStatus }),
    advisoryIds: result?.advisoryIds ?? [],
    measurements: result?.measurements ?? {},
    ...(decision.matched === undefined ? {} : { matched: decision.matched }),
    ...(result?.trustRoot === undefined ? {} : { trustRoot: result.trustRoot }),
    chain: result?.chain ?? [],
    checks: decision.checks,
    refusals: decision.refusals,
    warnings: result?.warnings ?? [],
    evidenceDigest: toHex(source.evidenceDigest),
    taskPolicyDigest: toHex(source.taskPolicyDigest),
    codeDigest: toHex(source.codeDigest),
    publicKey: toHex(source.publicKey),
    policy: source.policy,
  };
}

/** Exports a record as canonical JSON [RFC8785], one line. */
export function exportRecord(record: AttestationRecord): string {
  return canonicalize(record) as string;
}

/** A record laid out for people: pages render the rows, terminals print them. */
export interface RecordView {
  /** Shown in front of everything else, in a warning colour, when there is one. */
  readonly banner?: string;
  readonly title: string;
  readonly rows: readonly { readonly label: string; readonly value: string; readonly tone: 'good' | 'bad' | 'plain' }[];
}

/** Lays a record out; names from outside are made printable. */
export function viewRecord(record: AttestationRecord): RecordView {
  const view = layOut(record);
  const rows = view.rows.map(({ label, value, tone }) => ({ label: printable(label), value: printable(value), tone }));
  return { ...view, title: printable(view.title), rows };
}

function layOut(record: AttestationRecord): RecordView {
  const good = record.outcome === 'accepted' && !record.insecureSimulated;
  const plain = (label: string, value: string | undefined) =>
    value === undefined || value === '' ? [] : [{ label, value, tone: 'plain' as const }];
  const root = record.trustRoot;
  return {
    ...(record.insecureSimulated ? { banner: SIMULATED_BANNER } : {}),
    title:
      record.outcome === 'accepted'
        ? `The coordinator ${record.coordinator} was checked${record.insecureSimulated ? ' (SIMULATED)' : ''}`
        : `The coordinator ${record.coordinator} was refused; nothing was sent`,
    rows: [
      ...plain('When', record.checkedAt),
      ...plain('Stands until', record.standsUntil),
      ...plain('Task', record.task),
      ...plain('Environment', record.tee),
      ...plain('Firmware state', record.tcbStatus),
      ...plain('Open advisories', record.advisoryIds.join(', ')),
      ...plain('Root of trust', root && `${root.name} (SHA-256 ${root.sha256})`),
      ...plain('Certificates', record.chain.map(({ commonName }) => commonName).join(' ← ')),
      ...plain('Accepted as', record.matched),
      ...Object.entries(record.measurements).flatMap(([name, value]) => plain(`Measured ${name}`, value)),
      ...record.checks.map(({ name, ok, detail }) => ({
        label: name,
        value: detail,
        tone: ok ? (good ? ('good' as const) : ('plain' as const)) : ('bad' as const),
      })),
      ...record.refusals.map(({ code, message }) => ({
        label: `Refused: ${code}`,
        value: message,
        tone: 'bad' as const,
      })),
      ...record.warnings.flatMap((warning) => plain('Note', warning)),
      ...plain('Evidence (SHA-256)', record.evidenceDigest),
      ...plain('Task policy (SHA-256)', record.taskPolicyDigest),
      ...plain('Code (SHA-256)', record.codeDigest),
      ...plain('Key of the coordinator', record.publicKey),
    ],
  };
}

/** Writes a record as plain text, one line a row. Lines of simulated evidence all say so. */
export function describeRecord(record: AttestationRecord): string {
  const { banner, title, rows } = viewRecord(record);
  const marks = { good: '✓', bad: '✗', plain: '·' } as const;
  const width = Math.min(40, Math.max(...rows.map(({ label }) => label.length)));
  const lines = [title, ...rows.map(({ label, value, tone }) => `${marks[tone]} ${label.padEnd(width)}  ${value}`)];
  if (banner === undefined) return `${lines.join('\n')}\n`;
  return `${banner}\n${lines.map((line) => `[SIMULATED] ${line}`).join('\n')}\n`;
}
