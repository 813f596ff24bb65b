/**
 * A bucket for tests: the part of the S3 protocol that the store speaks, with every request's signature (AWS Signature
 * Version 4) recomputed from the request as it arrived. A request that is not signed with the known key is refused.
 *
 * @module
 */

import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A bucket that listens. */
export interface S3TestServer {
  readonly bucketUrl: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Objects that a page of a list has. */
  readonly pageSize: number;
  close(): Promise<void>;
}

const REGION = 'us-east-1';
const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
const encode = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

/** Recomputes the signature of a request [AWS Signature Version 4, header form]. */
function isSigned(request: IncomingMessage, body: Uint8Array, secret: string, accessKeyId: string): boolean {
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    );
  if (match === null) return false;
  const [, id, day = '', region = '', signedHeaders = '', signature] = match;
  const time = String(request.headers['x-amz-date'] ?? '');
  if (id !== accessKeyId || region !== REGION || !time.startsWith(day)) return false;
  const url = new URL(request.url ?? '/', 'http://host');
  const query = [...url.searchParams]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .toSorted()
    .join('&');
  const headers = signedHeaders.split(';').map((name) => `${name}:${String(request.headers[name] ?? '').trim()}\n`);
  const stated = String(request.headers['x-amz-content-sha256'] ?? '');
  if (stated !== 'UNSIGNED-PAYLOAD' && stated !== sha256(body)) return false;
  const canonical = [request.method, url.pathname, query, headers.join(''), signedHeaders, stated].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const key = [day, region, 's3', 'aws4_request'].reduce<string | Buffer>((k, part) => hmac(k, part), `AWS4${secret}`);
  return (
    hmac(key as Buffer, ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')).toString('hex') === signature
  );
}

/** Starts a bucket in memory. */
export async function startS3({ pageSize = 2 }: { pageSize?: number } = {}): Promise<S3TestServer> {
  const accessKeyId = 'test-key';
  const secretAccessKey = 'test-secret';
  const objects = new Map<string, Buffer>();

  function list(url: URL): string {
    const prefix = url.searchParams.get('prefix') ?? '';
    const after = url.searchParams.get('continuation-token') ?? '';
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).toSorted();
    const page = keys.slice(0, pageSize);
    const more = keys.length > page.length;
    return (
      `<?xml version="1.0"?><ListBucketResult><IsTruncated>${more}</IsTruncated>` +
      page.map((key) => `<Contents><Key>${key}</Key></Contents>`).join('') +
      (more ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '') +
      '</ListBucketResult>'
    );
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    if (!isSigned(request, body, secretAccessKey, accessKeyId)) {
      response.writeHead(403).end('<Error><Code>SignatureDoesNotMatch</Code></Error>');
      return;
    }
    const url = new URL(request.url ?? '/', 'http://host');
    const key = decodeURIComponent(url.pathname.replace(/^\/bucket\/?/, ''));
    if (key === '') {
      response.writeHead(200, { 'content-type': 'application/xml' }).end(list(url));
      return;
    }
    const found = objects.get(key);
    switch (request.method) {
      case 'PUT':
        objects.set(key, body);
        response.writeHead(200).end();
        break;
      case 'DELETE':
        objects.delete(key);
        response.writeHead(204).end();
        break;
      default:
        if (found === undefined) response.writeHead(404).end();
        else
          response
            .writeHead(200, { 'content-length': found.length })
            .end(request.method === 'HEAD' ? undefined : found);
    }
  }

  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    bucketUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/bucket`,
    accessKeyId,
    secretAccessKey,
    pageSize,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
