/**
 * Exit codes of the command line, in one place.
 *
 * | code | meaning |
 * |---|---|
 * | 0 | done |
 * | 1 | a negative verdict of `verify`, `check` or `redteam audit` |
 * | 2 | wrong usage, a task file or input that is not as it must be, something that the system refuses (an address, a file) |
 * | 20–29 | network: 20 a coordinator refuses or is not reached, 21 another certificate than the pinned one |
 * | 30–39 | refused for privacy: 30 budget spent, 31 not accountable, 32 policy |
 * | 40–49 | protocol: 40 a round, 41 secure aggregation, 42 computing on shares, 43 on ciphertexts |
 * | 70 | a defect of the program |
 * | 130 | interrupted |
 *
 * @module
 */

import { SottoError } from '../foundations/numerics/index.ts';

const BY_CODE: Readonly<Record<string, number>> = {
  'accounting/budget-exceeded': 30,
  'accounting/quota-exceeded': 30,
  'answers/quota': 30,
  'answers/no-consensus': 32,
  'rounds/impossible-plan': 2,
  'card/unverified': 1,
  'lineage/unverified': 1,
  'log/forked': 1,
  'log/rolled-back': 1,
  'client/policy-refused': 32,
  'client/attestation-refused': 32,
  'tls/wrong-fingerprint': 21,
  'attestation/gate-closed': 32,
  'attestation/sealing-failed': 40,
};

const BY_ROOM: Readonly<Record<string, number>> = {
  storage: 2,
  task: 2,
  data: 2,
  preparation: 2,
  models: 2,
  classical: 2,
  answers: 2,
  redteam: 2,
  usage: 2,
  attestation: 2,
  package: 2,
  access: 32,
  log: 2,
  card: 2,
  lineage: 2,
  accounting: 31,
  mechanisms: 31,
  rounds: 40,
  wire: 40,
  secagg: 41,
  sharing: 42,
  mpc: 42,
  assistants: 40,
  homomorphic: 43,
  telemetry: 2,
  client: 20,
  coordinator: 20,
};

/** Wrong words on the command line. */
export class UsageError extends SottoError<'usage/invalid'> {
  constructor(message: string) {
    super('usage/invalid', message);
  }
}

/** What the system refuses to whoever asks: nothing of it is a defect of the program. */
const SYSTEM: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is taken by another process: choose another port, or stop that process',
  EADDRNOTAVAIL: 'is no address of this machine: choose another',
  EACCES: 'is not for this user: choose another, or ask for the right',
  EPERM: 'is not for this user: choose another, or ask for the right',
  EROFS: 'cannot be written: it lies on a disk that is read only',
  ENOSPC: 'cannot be written: the disk is full',
  ENOTDIR: 'leads through a file as though it were a folder',
  EISDIR: 'is a folder, and a file is needed',
  ENOENT: 'does not exist',
};

/** What the system refused, in one line; undefined for every other error. */
export function explainSystemError(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const {
    code = '',
    path,
    address,
    port,
    syscall,
  } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  const says = SYSTEM[code];
  // A connection that fails is not refused by this machine's system.
  if (says === undefined || syscall === 'connect') return undefined;
  const what = path ?? (address === undefined ? undefined : port === undefined ? address : `${address}:${port}`);
  return what === undefined ? undefined : `${what} ${says} (${code})`;
}

/** The exit code an error ends the program with. */
export function exitCodeOf(error: unknown): number {
  if (explainSystemError(error) !== undefined) return 2;
  if (!(error instanceof SottoError)) return 70;
  const room = error.code.split('/')[0] ?? '';
  return BY_CODE[error.code] ?? BY_ROOM[room] ?? 70;
}
