/**
 * Errors as `application/problem+json` [RFC9457]: `type` is the stable code, `detail` the message for people.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';

/** The body of a refusal. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly retryable: boolean;
}

const STATUS: Readonly<Record<string, number>> = {
  'coordinator/unknown-task': 404,
  'coordinator/unknown-participant': 404,
  'coordinator/not-authorized': 401,
  'coordinator/token-refused': 403,
  'coordinator/stale-request': 401,
  'coordinator/wrong-state': 409,
  'coordinator/too-large': 413,
  'coordinator/too-many-requests': 429,
  'coordinator/message-refused': 422,
  'coordinator/unavailable': 503,
  'coordinator/malformed-request': 400,
  'coordinator/elsewhere': 503,
  'coordinator/not-attested': 404,
  'attestation/sealing-failed': 422,
  'attestation/device-failed': 503,
  'wire/malformed': 400,
  'wire/unsupported-version': 426,
  'wire/signature-refused': 401,
  'task/file': 422,
  'storage/not-found': 404,
  'rounds/impossible-plan': 422,
};

/** Turns an error into a problem. What is not one of ours says nothing of its insides. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof SottoError)) {
    return {
      type: 'coordinator/internal',
      title: 'internal error',
      status: 500,
      detail: 'the coordinator failed; its log says more',
      retryable: true,
    };
  }
  const status = STATUS[error.code] ?? 400;
  const title = (error.code.split('/')[1] ?? 'refused').replaceAll('-', ' ');
  return { type: error.code, title, status, detail: error.message, retryable: error.retryable };
}
