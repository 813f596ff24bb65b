/**
 * TLS in the coordinator itself: a self-signed certificate whose fingerprint participants pin, and certificates of
 * participants in the place of invitations. Nothing reaches a coordinator that shows another certificate.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { serve, type Served } from '../../src/runtime/coordinator/index.ts';
import {
  createPinnedFetch,
  createSelfSignedCertificate,
  fingerprintOfPem,
  type TlsIdentity,
} from '../../src/runtime/drivers/index.ts';
import { createDatabaseFolder } from '../harness/database-folder.ts';
import { smallTask, startParticipant } from '../harness/service.ts';
import { runSotto } from './sotto.ts';

let folder: string;
let own: TlsIdentity;
let served: Served;
const file = (name: string): string => join(folder, name);
const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'ignore' });

/** An authority and certificates of it, made by OpenSSL. */
function certify(name: string): TlsIdentity {
  openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    file(`${name}.key`),
    '-out',
    file(`${name}.csr`),
  );
  openssl(
    'x509',
    '-req',
    '-in',
    file(`${name}.csr`),
    '-CA',
    file('ca.crt'),
    '-CAkey',
    file('ca.key'),
    '-days',
    '2',
    '-out',
    file(`${name}.crt`),
  );
  return { certificate: readFileSync(file(`${name}.crt`), 'utf8'), key: readFileSync(file(`${name}.key`), 'utf8') };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sotto-tls-'));
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    '/CN=authority',
    '-days',
    '2',
    '-keyout',
    file('ca.key'),
    '-out',
    file('ca.crt'),
  );
  own = await createSelfSignedCertificate(['localhost', '127.0.0.1'], { now: new Date() });
  served = await serve({
    folder: await createDatabaseFolder(file('state')),
    host: '127.0.0.1',
    port: 0,
    tls: { ...own, clientAuthorities: readFileSync(file('ca.crt'), 'utf8') },
    factsOf: (task) => Promise.resolve({ inputShape: task.model.input ?? [6] }),
    log: () => {},
  });
}, 60_000);
afterAll(async () => {
  await served.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('a coordinator with a certificate of its own', () => {
  it('has the fingerprint that OpenSSL computes', () => {
    writeFileSync(file('own.crt'), own.certificate);
    const shown = execFileSync('openssl', ['x509', '-in', file('own.crt'), '-noout', '-fingerprint', '-sha256']);
    expect(shown.toString().split('=')[1]?.trim().replaceAll(':', '').toLowerCase()).toBe(
      fingerprintOfPem(own.certificate),
    );
  });

  it('is not believed without the pin, and never spoken to under another', async () => {
    await expect(fetch(`${served.url}/healthz`)).rejects.toThrow();
    const wrong = createPinnedFetch({ fingerprint: '00'.repeat(32) });
    await expect(wrong(`${served.url}/healthz`)).rejects.toMatchObject({
      code: 'tls/wrong-fingerprint',
      retryable: false,
    });
    const pinned = createPinnedFetch({ fingerprint: fingerprintOfPem(own.certificate) });
    await expect(pinned(served.url.replace('https', 'http'))).rejects.toMatchObject({ code: 'tls/wrong-fingerprint' });
    expect(await (await pinned(`${served.url}/healthz`)).json()).toMatchObject({ ok: true });
  });

  it('tells whoever forgets the pin what is missing, and does not let them wait', async () => {
    const { finished, events } = startParticipant('s', { url: served.url, taskId: 't', token: '', fetch });
    await expect(finished).rejects.toMatchObject({
      code: 'client/unreachable',
      message: expect.stringContaining('--fingerprint') as string,
    });
    expect(events).toEqual([]);
    const status = await runSotto('status', served.url, '--token', 'any');
    expect([status.code, status.stderr]).toEqual([20, expect.stringContaining('pin it with --fingerprint')]);
    const pin = ['--fingerprint', fingerprintOfPem(own.certificate)];
    const refused = await runSotto('status', served.url, '--token', 'no', ...pin);
    expect([refused.code, refused.stderr]).toEqual([20, 'this needs the operator’s token\n']);
    // Whoever has the coordinator's folder has its certificate; a folder of another one is no pin for this one.
    mkdirSync(file('served'));
    writeFileSync(file('served/tls.crt'), own.certificate);
    const known = await runSotto('status', served.url, '--token', 'no', '--folder', file('served'));
    expect([known.code, known.stderr]).toEqual([20, 'this needs the operator’s token\n']);
    writeFileSync(
      file('served/tls.crt'),
      (await createSelfSignedCertificate(['localhost'], { now: new Date() })).certificate,
    );
    const other = await runSotto('status', served.url, '--token', 'no', '--folder', file('served'));
    expect([other.code, other.stderr]).toEqual([21, expect.stringContaining('nothing was sent')]);
    const typo = await runSotto('status', served.url, '--token', 'no', '--fingerprint', '00');
    expect([typo.code, typo.stderr]).toEqual([2, expect.stringContaining('--fingerprint: a fingerprint is')]);
    const gone = await runSotto('stop', 'http://127.0.0.1:9', '--token', 'no');
    expect([gone.code, gone.stderr]).toEqual([20, 'the coordinator at http://127.0.0.1:9 does not answer\n']);
  });

  it('trains with participants that pin it: by invitation, or by a certificate that is good once', async () => {
    const task = await served.service.createTask(smallTask({ rounds: 1 }));
    const { id } = task.status();
    const fingerprint = fingerprintOfPem(own.certificate);
    const alice = certify('alice');
    const participants = await Promise.all(
      ['a', 'b', 'c'].map(async (name) =>
        startParticipant(name, {
          url: served.url,
          taskId: id,
          token: (await served.service.invite(id)).token,
          fetch: createPinnedFetch({ fingerprint }),
        }),
      ),
    );
    const certified = { fingerprint, identity: alice };
    const fourth = startParticipant('alice', {
      url: served.url,
      taskId: id,
      token: '',
      fetch: createPinnedFetch(certified),
    });
    await Promise.all([...participants, fourth].map(({ finished }) => finished));
    expect(task.status()).toMatchObject({ state: 'finished', round: 1 });
    const token = readFileSync(file('state/operator.token'), 'utf8').trim();
    const audit = ['verify', `${served.url}/v1/tasks/${id}/log/`, '--token', token];
    const unpinned = await runSotto(...audit);
    expect([unpinned.code, unpinned.stderr]).toEqual([2, expect.stringContaining('pin it with --fingerprint')]);
    const pinned = await runSotto(...audit, '--fingerprint', fingerprint);
    expect([pinned.code, pinned.stdout]).toEqual([0, expect.stringContaining('VERIFIED')]);
    const other = await served.service.createTask(smallTask({ name: 'other' }));
    const join = (name: string): ReturnType<typeof startParticipant> =>
      startParticipant(name, {
        url: served.url,
        taskId: other.status().id,
        token: '',
        fetch: createPinnedFetch(certified),
      });
    const first = join('alice again');
    await expect.poll(() => first.events.some(({ kind }) => kind === 'joined')).toBe(true);
    // Another identity under the same certificate: one certificate must not make a crowd.
    await expect(join('mallory').finished).rejects.toMatchObject({ details: { type: 'coordinator/token-refused' } });
    first.leave();
    await first.finished;
  });

  it('asks those without either for an invitation', async () => {
    const task = await served.service.createTask(smallTask({ name: 'third' }));
    const stranger = startParticipant('s', {
      url: served.url,
      taskId: task.status().id,
      token: '',
      fetch: createPinnedFetch({ fingerprint: fingerprintOfPem(own.certificate) }),
    });
    await expect(stranger.finished).rejects.toMatchObject({ details: { type: 'coordinator/token-refused' } });
  });
});
