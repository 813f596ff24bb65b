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
  'coordinator/assistant-refused': 422,
  'coordinator/assistant-unreachable': 503,
  'attestation/sealing-failed': 422,
  'attestation/device-failed': 503,
  'people/signed-out': 401,
  'people/wrong-password': 403,
  'people/too-many-attempts': 429,
  'people/weak-password': 422,
  'people/name-taken': 409,
  'people/unknown': 404,
  'people/foreign-origin': 403,
  'people/set-up-done': 409,
  'people/not-offered': 409,
  'people/provider-refused': 502,
  'access/denied': 403,
  'access/separation-of-duties': 403,
  'access/token-invalid': 401,
  'access/token-expired': 401,
  'access/token-revoked': 401,
  'access/unknown-grant': 404,
  'access/unknown-release': 404,
  'access/release-closed': 409,
  'access/release-mismatch': 409,
  'access/audit-failed': 503,
  'view/unknown-task': 404,
  'view/not-here': 404,
  'view/not-built': 503,
  'wire/malformed': 400,
  'wire/unsupported-version': 426,
  'wire/signature-refused': 401,
  'task/file': 422,
  'storage/not-found': 404,
  'lineage/unknown-subject': 404,
  'rounds/impossible-plan': 422,
  'rounds/offer-refused': 422,
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
