/**
 * Objects in a bucket that speaks the S3 protocol, by signed plain HTTP requests.
 *
 * @module
 */

import { AwsClient } from 'aws4fetch';

import { StorageError } from '../errors.ts';
import { assertObjectKey, joinContent, objectNotFound, type ObjectStore } from './object-store.ts';

/** Where the bucket is and who asks. */
export interface S3Options {
  /** Address of the bucket, such as `https://host/bucket`. */
  readonly bucketUrl: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region?: string;
  /** Put before every key. */
  readonly prefix?: string;
}

/** Creates a store in a bucket. */
export function createS3ObjectStore({
  bucketUrl,
  accessKeyId,
  secretAccessKey,
  region = 'us-east-1',
  prefix = '',
}: S3Options): ObjectStore {
  const client = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3' });
  const base = bucketUrl.replace(/\/$/, '');
  const urlOf = (key: string): string => {
    assertObjectKey(key);
    return `${base}/${prefix}${key}`;
  };

  async function send(url: string, init: RequestInit, allowed: readonly number[]): Promise<Response> {
    let response: Response;
    try {
      response = await client.fetch(url, init);
    } catch (cause) {
      throw new StorageError('storage/unreadable', 'the object store cannot be reached', { cause, retryable: true });
    }
    if (response.ok || allowed.includes(response.status)) return response;
    await response.body?.cancel();
    throw new StorageError('storage/unreadable', `the object store answered ${response.status}`, {
      retryable: response.status >= 500,
      details: { status: response.status },
    });
  }

  return {
    async put(key, content) {
      const response = await send(urlOf(key), { method: 'PUT', body: joinContent(content).slice() }, []);
      await response.body?.cancel();
    },
    async get(key) {
      const response = await send(urlOf(key), { method: 'GET' }, [404]);
      if (response.status === 404) {
        await response.body?.cancel();
        throw objectNotFound(key);
      }
      return new Uint8Array(await response.arrayBuffer());
    },
    async has(key) {
      return (await send(urlOf(key), { method: 'HEAD' }, [404])).status !== 404;
    },
    async delete(key) {
      const response = await send(urlOf(key), { method: 'DELETE' }, [404]);
      await response.body?.cancel();
    },
    async list(keyPrefix) {
      const keys: string[] = [];
      let token: string | undefined;
      do {
        const query = new URLSearchParams({ 'list-type': '2', prefix: `${prefix}${keyPrefix}` });
        if (token !== undefined) query.set('continuation-token', token);
        const text = await (await send(`${base}?${query.toString()}`, { method: 'GET' }, [])).text();
        for (const [, key = ''] of text.matchAll(/<Key>([^<]*)<\/Key>/g)) keys.push(key.slice(prefix.length));
        token = /<NextContinuationToken>([^<]*)</.exec(text)?.[1];
      } while (token !== undefined);
      return keys.toSorted();
    },
    async close() {},
  };
}
