/**
 * Evidence inside Google Cloud Confidential Space: the launcher's socket hands out tokens with nonces of one's own.
 * [GCPCS] "custom attestation tokens"
 *
 * @module
 */

import { request } from 'node:http';

import { AttestationError, type EvidenceSource } from '../../../trust/attestation/index.ts';

/** Options of the socket. */
export interface ConfidentialSpaceOptions {
  readonly socketPath?: string;
  /** The `aud` of the token: who is meant to read it. */
  readonly audience: string;
}

const TIMEOUT_MS = 30_000;
const MAX_TOKEN = 65_536;

function post(socketPath: string, body: string): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const call = request(
      { socketPath, path: '/v1/token', method: 'POST', headers, timeout: TIMEOUT_MS },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          if (text.length < MAX_TOKEN) text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', reject);
      },
    );
    call.on('timeout', () => call.destroy(new Error('timeout')));
    call.on('error', reject);
    call.end(body);
  });
}

/** Creates a source of evidence on the launcher's socket. */
export function createConfidentialSpaceSource(options: ConfidentialSpaceOptions): EvidenceSource {
  const { socketPath = '/run/container_launcher/teeserver.sock', audience } = options;
  return async ({ tokenNonce }) => {
    const body = JSON.stringify({ audience, token_type: 'OIDC', nonces: [tokenNonce] });
    let answer: Awaited<ReturnType<typeof post>>;
    try {
      answer = await post(socketPath, body);
    } catch (cause) {
      throw new AttestationError('attestation/device-failed', `${socketPath}: the launcher does not answer`, { cause });
    }
    if (answer.status !== 200) {
      throw new AttestationError('attestation/device-failed', `${socketPath}: status ${answer.status}`);
    }
    return { kind: 'gcp-confidential-space', token: answer.text.trim() };
  };
}
