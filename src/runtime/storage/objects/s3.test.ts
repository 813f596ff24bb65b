import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { describeObjectStore } from '../../../../test/conformance/object-store.ts';
import { type S3TestServer, startS3 } from '../../../../test/harness/s3-server.ts';
import { createS3ObjectStore } from './s3-object-store.ts';

let server: S3TestServer;
beforeAll(async () => {
  server = await startS3();
});
afterAll(() => server.close());
let count = 0;

describeObjectStore('S3', () => Promise.resolve(createS3ObjectStore({ ...server, prefix: `store-${(count += 1)}/` })));

describe('the S3 store', () => {
  it('is refused, typed, with another secret; and says so when nobody answers', async () => {
    const wrong = createS3ObjectStore({ ...server, secretAccessKey: 'guessed' });
    await expect(wrong.put('a', new Uint8Array(3))).rejects.toMatchObject({
      code: 'storage/unreadable',
      details: { status: 403 },
    });
    const nowhere = createS3ObjectStore({ ...server, bucketUrl: 'http://127.0.0.1:9/bucket' });
    await expect(nowhere.has('a')).rejects.toMatchObject({ code: 'storage/unreadable', retryable: true });
  });

  it('lists over more pages than one', async () => {
    const store = createS3ObjectStore({ ...server, prefix: 'pages/' });
    const keys = Array.from({ length: 3 * server.pageSize + 1 }, (_, i) => `k/${i}`);
    for (const key of keys) await store.put(key, Uint8Array.of(1));
    expect(await store.list('k/')).toEqual(keys.toSorted());
  });
});
