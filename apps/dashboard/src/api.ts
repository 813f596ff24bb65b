/** Requests to whoever served this page. */

import { signal } from '@preact/signals';

/** Whether the server says that its evidence of a trusted execution environment is simulated. */
export const simulatedAttestation = signal(false);

/** A refusal, in the server's words. */
class Refusal extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, status: number, detail: string) {
    super(detail);
    this.code = code;
    this.status = status;
  }
}

async function ask(method: string, path: string, body?: unknown): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`/api${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
  } catch {
    throw new Refusal('page/unreachable', 0, 'The server does not answer: see whether it still runs, then try again.');
  }
  if (response.headers.get('sotto-attestation') === 'SIMULATED') simulatedAttestation.value = true;
  if (response.ok) return response;
  const problem = (await response.json().catch(() => ({}))) as { type?: string; detail?: string };
  throw new Refusal(
    problem.type ?? 'page/refused',
    response.status,
    problem.detail ?? `The server answered ${response.status}.`,
  );
}

export const getJson = async <T>(path: string): Promise<T> => (await (await ask('GET', path)).json()) as T;
export const getText = async (path: string): Promise<string> => (await ask('GET', path)).text();
/** Sends, and returns the answer's text. */
export const sendForText = async (method: 'POST', path: string): Promise<string> => (await ask(method, path)).text();
export async function send<T = undefined>(
  method: 'POST' | 'DELETE' | 'PUT' | 'PATCH',
  path: string,
  body?: unknown,
): Promise<T> {
  const response = await ask(method, path, body);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** What went wrong, for people. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
