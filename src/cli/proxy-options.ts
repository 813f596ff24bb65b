/**
 * The address that people use, and the proxies before a coordinator, by option.
 *
 * @module
 */

import { assertProxy, type ProxyOptions } from '../runtime/coordinator/index.ts';
import { UsageError } from './exit-codes.ts';

/** The options. */
export interface ProxyCommandOptions {
  readonly publicUrl?: string;
  readonly trustProxy: readonly string[];
  readonly proxyHeaders: string;
}

/** The public address: an origin, since pages and the signatures of participants are bound to paths from its root. */
export function publicUrlOf({ publicUrl }: ProxyCommandOptions): string | undefined {
  if (publicUrl === undefined) return undefined;
  const url = URL.canParse(publicUrl) ? new URL(publicUrl) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.href !== `${url.origin}/`) {
    throw new UsageError(
      `--public-url must be an address such as https://sotto.example, without a path: give the coordinator a host of its own; got ${publicUrl}`,
    );
  }
  return url.origin;
}

/** The proxies before us. */
export function proxyOf(
  { trustProxy: peers, proxyHeaders: headers }: ProxyCommandOptions,
  publicUrl: string | undefined,
): ProxyOptions | undefined {
  if (headers !== 'x-forwarded' && headers !== 'forwarded') {
    throw new UsageError(`--proxy-headers must be x-forwarded or forwarded, got ${headers}`);
  }
  if (peers.length === 0) return undefined;
  const proxy = { peers, headers, ...(publicUrl === undefined ? {} : { publicUrl }) } as const;
  try {
    assertProxy(proxy);
  } catch (error) {
    throw new UsageError(`--trust-proxy: ${(error as Error).message}`);
  }
  return proxy;
}
