/**
 * Bounds the bytes of request bodies that are in memory at once. Whoever comes while it is full waits with an unread
 * socket, so that the network holds a cohort's vectors back and not this process.
 *
 * @module
 */

/** A budget of bytes. */
export interface ByteBudget {
  /** Waits until so many bytes fit; `release` gives them back. A request larger than the budget takes it whole. */
  take(bytes: number): Promise<{ release: () => void }>;
}

/** Creates a budget. */
export function createByteBudget(totalBytes: number): ByteBudget {
  let free = totalBytes;
  const waiting: { bytes: number; go: () => void }[] = [];
  const admit = (): void => {
    for (let next = waiting[0]; next !== undefined && next.bytes <= free; next = waiting[0]) {
      waiting.shift();
      free -= next.bytes;
      next.go();
    }
  };
  return {
    take(asked) {
      const bytes = Math.min(totalBytes, asked);
      return new Promise((resolve) => {
        waiting.push({
          bytes,
          go() {
            let held = true;
            resolve({
              release() {
                if (!held) return;
                held = false;
                free += bytes;
                admit();
              },
            });
          },
        });
        admit();
      });
    },
  };
}
