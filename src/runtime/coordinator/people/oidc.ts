/**
 * Sign-in by somebody else's word: OpenID Connect with the authorization code flow and PKCE [RFC7636]. Keys, signature,
 * issuer, audience, time and nonce are checked by `jose`; what is not as it should be is a refusal.
 *
 * @module
 */

import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';

import { sha256, toHex, utf8 } from '../../../foundations/crypto/index.ts';
import { readEntropy } from '../../../foundations/random/index.ts';
import { PeopleError } from './errors.ts';

/** A provider. */
export interface OidcOptions {
  /** Its address, as in its tokens. */
  readonly issuer: string;
  readonly clientId: string;
  /** Absent for a public client: PKCE stands in for it. */
  readonly clientSecret?: string;
  /** What people call it. */
  readonly name?: string;
  /** Claim that has somebody's groups. */
  readonly groupsClaim?: string;
}

/** What must be kept in the browser between the way there and the way back. */
export interface OidcFlight {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/** Who somebody is, by the provider's word. */
export interface Vouched {
  readonly subject: string;
  readonly name: string;
  readonly groups: readonly string[];
}

/** Sign-in at a provider. */
export interface Oidc {
  readonly name: string;
  /** Makes the address to send somebody to. */
  start(redirectUri: string): Promise<{ readonly url: string; readonly flight: OidcFlight }>;
  /** Takes the way back. @throws {@link PeopleError} `people/provider-refused`. */
  finish(
    answer: { readonly code: string; readonly state: string },
    flight: OidcFlight,
    redirectUri: string,
  ): Promise<Vouched>;
}

interface Discovery {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly jwks_uri: string;
}

const TIMEOUT_MS = 10_000;
/** Signatures only: a token whose algorithm is `none`, or keyed with the client's secret, is none. */
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'];
const refused = (why: string, cause?: unknown): PeopleError =>
  new PeopleError('people/provider-refused', `the sign-in at the provider did not succeed: ${why}`, { cause });

/** Creates sign-in at a provider; the provider is first asked when somebody signs in. */
export function createOidc({
  issuer,
  clientId,
  clientSecret,
  name = new URL(issuer).host,
  groupsClaim = 'groups',
}: OidcOptions): Oidc {
  let known: Promise<{ discovery: Discovery; keys: ReturnType<typeof createRemoteJWKSet> }> | undefined;

  async function discover(): Promise<{ discovery: Discovery; keys: ReturnType<typeof createRemoteJWKSet> }> {
    const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const response = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) throw refused(`its configuration answered ${response.status}`);
    const discovery = (await response.json()) as Discovery;
    if (discovery.issuer !== issuer) throw refused('its configuration names another issuer');
    return { discovery, keys: createRemoteJWKSet(new URL(discovery.jwks_uri)) };
  }
  async function provider(): Promise<{ discovery: Discovery; keys: ReturnType<typeof createRemoteJWKSet> }> {
    known ??= discover();
    try {
      return await known;
    } catch (error) {
      known = undefined;
      throw error instanceof PeopleError ? error : refused('it cannot be reached', error);
    }
  }

  async function exchange(
    { token_endpoint: endpoint }: Discovery,
    { code, verifier, redirectUri }: { code: string; verifier: string; redirectUri: string },
  ): Promise<string> {
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      client_id: clientId,
      code_verifier: verifier,
    });
    const basic = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret ?? '')}`;
    const response = await fetch(endpoint, {
      method: 'POST',
      body: form,
      headers: clientSecret === undefined ? {} : { authorization: `Basic ${Buffer.from(basic).toString('base64')}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((error: unknown) => {
      throw refused('it cannot be reached', error);
    });
    if (!response.ok) throw refused(`it answered ${response.status}`);
    const { id_token: token } = (await response.json()) as { id_token?: unknown };
    if (typeof token !== 'string') throw refused('it gave no ID token');
    return token;
  }

  function vouched(claims: JWTPayload): Vouched {
    const { sub } = claims;
    if (sub === undefined || sub === '') throw refused('the ID token has no subject');
    const shown = [claims.preferred_username, claims.email, claims.name].find((each) => typeof each === 'string');
    const groups = claims[groupsClaim];
    return {
      // A subject is unique with its provider alone; spaces have no place in access control's names.
      subject: `oidc:${new URL(issuer).host}#${encodeURIComponent(sub)}`.slice(0, 200),
      name: typeof shown === 'string' ? shown : sub,
      groups: Array.isArray(groups)
        ? groups.filter((each): each is string => typeof each === 'string' && /^[\x21-\x7e]{1,100}$/.test(each))
        : [],
    };
  }

  return {
    name,
    async start(redirectUri) {
      const { discovery } = await provider();
      const [state, nonce, verifier] = [24, 24, 32].map((length) => toHex(readEntropy(length))) as [
        string,
        string,
        string,
      ];
      const url = new URL(discovery.authorization_endpoint);
      const challenge = Buffer.from(sha256(utf8(verifier))).toString('base64url');
      const query = {
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        scope: 'openid profile email',
        state,
        nonce,
        code_challenge: challenge,
        code_challenge_method: 'S256',
      };
      for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
      return { url: url.href, flight: { state, nonce, verifier } };
    },
    async finish({ code, state }, flight, redirectUri) {
      if (state !== flight.state) throw refused('the answer belongs to another sign-in');
      const { discovery, keys } = await provider();
      const token = await exchange(discovery, { code, verifier: flight.verifier, redirectUri });
      let claims: JWTPayload;
      try {
        ({ payload: claims } = await jwtVerify(token, keys, {
          issuer,
          audience: clientId,
          algorithms: ALGORITHMS,
          maxTokenAge: '10 minutes',
          clockTolerance: '1 minute',
        }));
      } catch (cause) {
        throw refused('its ID token does not hold', cause);
      }
      if (claims.nonce !== flight.nonce) throw refused('its ID token belongs to another sign-in');
      if (Array.isArray(claims.aud) && claims.aud.length > 1 && claims.azp !== clientId) {
        throw refused('its ID token is for somebody else');
      }
      return vouched(claims);
    },
  };
}
