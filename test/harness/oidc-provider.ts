/**
 * A small OpenID Connect provider on a socket: discovery, keys, authorization codes that work once, PKCE, signed ID
 * tokens. It lets in whoever asks, as the person it was told to.
 *
 * @module
 */

import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

import { exportJWK, generateKeyPair, SignJWT } from 'jose';

/** Who is at the provider's page, and what it shall do wrong. */
export interface Persona {
  readonly sub: string;
  readonly name: string;
  readonly groups?: readonly string[];
  /** One thing that a sound client must notice. */
  readonly fault?: 'audience' | 'nonce' | 'signature' | 'expired' | 'none-algorithm';
}

/** The provider. */
export interface OidcProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  persona: Persona;
  close(): Promise<void>;
}

async function bodyOf(request: IncomingMessage): Promise<URLSearchParams> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return new URLSearchParams(text);
}

/** Starts the provider on a free loopback port. */
export async function startOidcProvider(): Promise<OidcProvider> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const other = await generateKeyPair('ES256');
  const clientId = 'sotto-tests';
  const clientSecret = randomUUID();
  const codes = new Map<string, { challenge: string; nonce: string; redirectUri: string; persona: Persona }>();
  const provider = { persona: { sub: 'u1', name: 'ada' } as Persona };

  async function tokenOf(code: string): Promise<string> {
    const { persona, nonce } = codes.get(code) ?? { persona: provider.persona, nonce: '' };
    const claims = {
      nonce: persona.fault === 'nonce' ? 'another' : nonce,
      preferred_username: persona.name,
      groups: persona.groups ?? [],
    };
    if (persona.fault === 'none-algorithm') {
      const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
      const now = Math.floor(Date.now() / 1000);
      return `${part({ alg: 'none' })}.${part({ ...claims, iss: issuer, aud: clientId, sub: persona.sub, iat: now, exp: now + 60 })}.`;
    }
    const issued = Math.floor(Date.now() / 1000) - (persona.fault === 'expired' ? 7200 : 0);
    return new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setIssuer(issuer)
      .setAudience(persona.fault === 'audience' ? 'another-client' : clientId)
      .setSubject(persona.sub)
      .setIssuedAt(issued)
      .setExpirationTime(issued + 300)
      .sign(persona.fault === 'signature' ? other.privateKey : privateKey);
  }

  let issuer = '';
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', issuer);
    const json = (status: number, value: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    const answer = async (): Promise<void> => {
      if (url.pathname === '/.well-known/openid-configuration') {
        json(200, {
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/jwks`,
        });
      } else if (url.pathname === '/jwks') {
        json(200, { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }] });
      } else if (url.pathname === '/authorize') {
        const query = url.searchParams;
        const redirectUri = query.get('redirect_uri') ?? '';
        const asked = query.get('response_type') === 'code' && query.get('code_challenge_method') === 'S256';
        if (query.get('client_id') !== clientId || !asked) {
          json(400, { error: 'invalid_request' });
          return;
        }
        const code = randomUUID();
        codes.set(code, {
          challenge: query.get('code_challenge') ?? '',
          nonce: query.get('nonce') ?? '',
          redirectUri,
          persona: provider.persona,
        });
        const back = new URL(redirectUri);
        back.searchParams.set('code', code);
        back.searchParams.set('state', query.get('state') ?? '');
        response.writeHead(302, { location: back.href }).end();
      } else if (url.pathname === '/token') {
        const form = await bodyOf(request);
        const code = form.get('code') ?? '';
        const known = codes.get(code);
        const challenge = createHash('sha256')
          .update(form.get('code_verifier') ?? '')
          .digest('base64url');
        const secret = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
        const holds =
          known?.challenge === challenge &&
          known.redirectUri === form.get('redirect_uri') &&
          request.headers.authorization === secret;
        if (!holds) {
          json(400, { error: 'invalid_grant' });
          return;
        }
        const token = await tokenOf(code);
        codes.delete(code);
        json(200, { access_token: randomUUID(), token_type: 'Bearer', id_token: token });
      } else json(404, {});
    };
    answer().catch(() => json(500, {}));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(provider, {
    issuer,
    clientId,
    clientSecret,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  });
}
