/**
 * Token buckets by sender: a burst, then a steady rate. Memory is bounded: buckets that are full again are forgotten.
 *
 * @module
 */

import { CoordinatorError } from './errors.ts';

/** How much one sender may ask. */
export interface RateLimit {
  readonly requestsPerSecond: number;
  /** Requests that may come at once. */
  readonly burst: number;
}

/** Takes a request into account. */
export interface RateLimiter {
  /** @throws {@link CoordinatorError} `coordinator/too-many-requests`; `details.retryAfterSeconds` says when to return. */
  take(sender: string): void;
}

/** Senders remembered at once; beyond it the oldest bucket is given up. */
const MAX_SENDERS = 50_000;

/** Creates a limiter. `clock` gives milliseconds that only grow. */
export function createRateLimiter({ requestsPerSecond, burst }: RateLimit, clock: () => number): RateLimiter {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return {
    take(sender) {
      const now = clock();
      const known = buckets.get(sender) ?? { tokens: burst, at: now };
      const tokens = Math.min(burst, known.tokens + ((now - known.at) / 1000) * requestsPerSecond);
      buckets.delete(sender);
      if (buckets.size >= MAX_SENDERS) {
        const oldest = buckets.keys().next().value;
        if (oldest !== undefined) buckets.delete(oldest);
      }
      buckets.set(sender, { tokens: Math.max(0, tokens - 1), at: now });
      if (tokens >= 1) return;
      const retryAfterSeconds = Math.max(1, Math.ceil((1 - tokens) / requestsPerSecond));
      throw new CoordinatorError('coordinator/too-many-requests', `too many requests: wait ${retryAfterSeconds} s`, {
        retryable: true,
        details: { retryAfterSeconds },
      });
    },
  };
}
