/**
 * What an audit says: problems with their codes, what was checked, what was not, and the budget recomputed.
 *
 * @module
 */

/** What an audit can find. Codes are public: added, never renamed. */
export type AuditCode =
  /** Something that must be there is not. */
  | 'verify/missing'
  /** Bytes that cannot be read as what they must be. */
  | 'verify/malformed'
  /** The checkpoint is not signed by the log's key. */
  | 'verify/signature-invalid'
  /** The log's key is not the one the verifier knows, or not the one of its private half. */
  | 'verify/key-mismatch'
  /** Too few witnesses signed. */
  | 'verify/witnesses-missing'
  /** Entries or hashes that do not lead to the signed root. */
  | 'verify/tree-mismatch'
  /** An inclusion proof that does not hold. */
  | 'verify/inclusion-invalid'
  /** The log forked: another tree was signed before. */
  | 'log/forked'
  /** The log has fewer leaves than it had. */
  | 'log/rolled-back'
  /** Leaves that cannot have come after one another. */
  | 'verify/story-broken'
  /** The ledger's chain or meaning does not hold, or its budget is exceeded. */
  | 'verify/ledger-broken'
  /** The ledger's file has fewer or other records than the log. */
  | 'verify/ledger-behind-log'
  /** The ledger's file has records that are in no log yet. */
  | 'verify/ledger-ahead-of-log'
  /** A round that opened without being charged, or whose charge was given back. */
  | 'verify/attempt-uncharged'
  /** A charge for another event than the plan's. */
  | 'verify/event-mismatch'
  /** A round that did not begin with the model the one before ended with. */
  | 'verify/model-chain-broken'
  /** The plan does not follow from the task. */
  | 'verify/plan-mismatch'
  /** A file is not the one the log has a digest of. */
  | 'verify/digest-mismatch'
  /** A summary that says something else than the log. */
  | 'verify/summary-mismatch'
  /** A privacy card that says something else than the log. */
  | 'verify/card-mismatch'
  /** A receipt that does not prove what it says. */
  | 'verify/receipt-invalid';

/** One thing that is wrong. */
export interface AuditProblem {
  readonly code: AuditCode | (string & {});
  /** The file it is in, relative to what was verified. */
  readonly file: string;
  readonly detail: string;
}

/** The verdict on a run. */
export interface AuditReport {
  readonly ok: boolean;
  /** Recomputed from the log alone; null when there is no privacy or nothing to compute it from. */
  readonly epsilon: number | null;
  readonly delta: number | null;
  readonly problems: readonly AuditProblem[];
  readonly task: string | null;
  /** False: the task says so itself, and nothing is protected. */
  readonly isPrivate: boolean;
  readonly seeded: boolean;
  readonly rounds: number;
  readonly attempts: number;
  readonly leaves: number;
  readonly ledgerRecords: number;
  readonly receipts: number;
  readonly proofs: { readonly inclusion: number; readonly consistency: number };
  readonly key: string | null;
  /** Whether the key was known beforehand; one that came with the run proves no more than that nothing was damaged. */
  readonly keyPinned: boolean;
  readonly witnesses: readonly string[];
  /** Files whose every byte is accounted for. */
  readonly covered: readonly string[];
  readonly notCovered: readonly { readonly file: string; readonly reason: string }[];
  readonly notes: readonly string[];
}

/** Collects what an audit finds. */
export interface Findings {
  readonly problems: AuditProblem[];
  readonly covered: Set<string>;
  readonly notes: string[];
  add(code: AuditCode, file: string, detail: string): void;
}

/** Creates an empty collection. */
export function createFindings(): Findings {
  const problems: AuditProblem[] = [];
  return {
    problems,
    covered: new Set(),
    notes: [],
    add(code, file, detail) {
      if (!problems.some((known) => known.code === code && known.file === file && known.detail === detail)) {
        problems.push({ code, file, detail });
      }
    },
  };
}
