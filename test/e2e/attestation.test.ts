/**
 * A participant that demands evidence and a coordinator that shows some: what is accepted, what is refused, and that not
 * one byte of the protocol leaves in those cases. The evidence is simulated; everything else is as in production.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createSigningKey, toHex, utf8 } from '../../src/foundations/crypto/index.ts';
import { createSystemRng } from '../../src/foundations/random/index.ts';
import {
  decodeAttestationFrame,
  encodeAttestationFrame,
  type AttestationFrame,
} from '../../src/federation/wire/index.ts';
import { verifyLedger } from '../../src/privacy/accounting/index.ts';
import { findBrokenReceipt, type JoinOptions, type RoundReceipt } from '../../src/runtime/client/index.ts';
import {
  type CoordinatorAttestation,
  CoordinatorError,
  createCoordinatorAttestation,
} from '../../src/runtime/coordinator/index.ts';
import { createInsecureSimulatedSource } from '../../src/runtime/drivers/index.ts';
import { openDatabase } from '../../src/runtime/storage/database/index.ts';
import { createMemoryObjectStore } from '../../src/runtime/storage/objects/index.ts';
import {
  createSealingKey,
  type EvidenceSource,
  exportRecord,
  parseAttestationPolicy,
  type SignedReferences,
  signReferenceValues,
} from '../../src/trust/attestation/index.ts';
import { createMemoryTileStore, formatVerifierKey, logReferences, openLog } from '../../src/trust/log/index.ts';
import {
  smallTask,
  startParticipant,
  startService,
  type TestParticipant,
  type TestService,
} from '../harness/service.ts';

const measurement = 'ab'.repeat(48);
const codeDigest = new Uint8Array(32).fill(7);
const requireAttestation = parseAttestationPolicy(
  { tees: ['simulated'], measurements: [{ measurement }], codeDigests: [toHex(codeDigest)] },
  { insecureSimulated: true },
);
const policy = { trust: ['nobody' as const], maxEpsilon: 10, requireAttestation };

/** Bytes of the protocol that a participant put on the wire, and what the coordinator heard. */
function createMeter(inner: typeof fetch): { fetch: typeof fetch; messages: () => number; sealed: () => number } {
  let messages = 0;
  let sealed = 0;
  return {
    fetch: (input, init) => {
      const body = init?.body;
      if ((input as URL).pathname.endsWith('/messages') && body instanceof Uint8Array) {
        messages += body.length;
        if (body[2] === 3) sealed += 1;
      }
      return inner(input, init);
    },
    messages: () => messages,
    sealed: () => sealed,
  };
}

/** A fetch that changes answers to challenges on their way. */
function altering(inner: typeof fetch, change: (frame: AttestationFrame) => AttestationFrame): typeof fetch {
  return async (input, init) => {
    const response = await inner(input, init);
    if (!(input as URL).pathname.endsWith('/attestation') || !response.ok) return response;
    const frame = decodeAttestationFrame(new Uint8Array(await response.arrayBuffer()));
    return new Response(encodeAttestationFrame(change(frame)).slice());
  };
}

async function attestationOf(source: EvidenceSource, digest: Uint8Array = codeDigest) {
  return createCoordinatorAttestation({ source, codeDigest: digest, simulated: true }, createSystemRng());
}
const simulated = (claims: { measurement?: string; debug?: boolean } = {}, lateMs = 0): EvidenceSource =>
  createInsecureSimulatedSource(
    { measurement, ...claims },
    { warn: () => {}, clock: () => new Date(Date.now() - lateMs) },
  );

/** What the coordinator shows; tests put other evidence in its place. */
let shown: CoordinatorAttestation;
const attestation: CoordinatorAttestation = {
  get publicKey() {
    return shown.publicKey;
  },
  codeDigest,
  simulated: true,
  answer: (...args) => shown.answer(...args),
  open: (...args) => shown.open(...args),
};
/** Lets the coordinator show something else for a while. */
async function showing(other: CoordinatorAttestation, check: () => Promise<void>): Promise<void> {
  const good = shown;
  shown = other;
  try {
    await check();
  } finally {
    shown = good;
  }
}

let test: TestService;
beforeAll(async () => {
  shown = await attestationOf(simulated());
  test = await startService({ attestation });
}, 60_000);
afterAll(() => test.close());

async function start(
  service: TestService,
  taskId: string,
  options: Partial<JoinOptions> & { fetch: typeof fetch },
): Promise<TestParticipant> {
  const { token } = await service.service.invite(taskId);
  return startParticipant('p', { taskId, token, policy, insecureSimulatedAttestation: true, ...options });
}

/** Joins with demands; it must be refused with a code, with nothing sent and nothing charged. */
async function assertRefused(
  service: TestService,
  code: string,
  { wrap = (inner) => inner, ...options }: Partial<JoinOptions> & { wrap?: (inner: typeof fetch) => typeof fetch } = {},
): Promise<void> {
  const task = await service.service.createTask(smallTask());
  const meter = createMeter(wrap(service.fetch));
  const participant = await start(service, task.status().id, { ...options, fetch: meter.fetch });
  const error = await participant.finished.then(
    () => undefined,
    (caught: unknown) => caught as { code: string; details: { codes: string[] } },
  );
  expect(error?.code).toBe('client/attestation-refused');
  expect(error?.details.codes).toContain(code);
  expect(meter.messages()).toBe(0);
  expect(verifyLedger(await participant.ledgerStore.read()).charges).toEqual([]);
  expect(participant.events.some(({ kind }) => kind === 'joined')).toBe(false);
  await task.stop();
}

describe('a coordinator with good evidence', () => {
  it('is joined: contributions are sealed, and every receipt and report carries the evidence', async () => {
    const task = await test.service.createTask(smallTask({ rounds: 2 }));
    const { id } = task.status();
    const meters = [1, 2, 3, 4].map(() => createMeter(test.fetch));
    const participants = await Promise.all(meters.map((meter) => start(test, id, { fetch: meter.fetch })));
    await Promise.all(participants.map(({ finished }) => finished));
    expect(task.status()).toMatchObject({ state: 'finished', round: 2 });
    for (const [i, { events }] of participants.entries()) {
      expect(meters[i]?.sealed()).toBe(2);
      const records = events.flatMap((event) => (event.kind === 'attested' ? [event.record] : []));
      expect(records.map(({ outcome, insecureSimulated }) => [outcome, insecureSimulated])).toEqual([
        ['accepted', true],
      ]);
      expect(JSON.parse(exportRecord(records[0] as (typeof records)[0]))).toMatchObject({ tee: 'simulated' });
      const receipts = events.flatMap((event): RoundReceipt[] => (event.kind === 'round' ? [event.receipt] : []));
      expect(receipts.map(({ round, outcome }) => [round, outcome])).toEqual([
        [1, 'committed'],
        [2, 'committed'],
      ]);
      expect(findBrokenReceipt(receipts)).toBeUndefined();
      expect(new Set(receipts.map(({ attestation }) => attestation?.evidenceDigest))).toEqual(
        new Set([records[0]?.evidenceDigest]),
      );
      expect(receipts[0]?.attestation?.transcript).not.toBe(receipts[1]?.attestation?.transcript);
      const forged = [{ ...(receipts[0] as RoundReceipt), round: 3 }, ...receipts.slice(1)];
      expect(findBrokenReceipt(forged)).toBe(1);
    }
    const digests = participants.map(({ events }) => {
      const record = events.find((event) => event.kind === 'attested');
      return record?.kind === 'attested' ? record.record.evidenceDigest : '';
    });
    for (const report of test.reports) {
      expect(Object.values(report.attestation?.evidence ?? {}).toSorted()).toEqual(digests.toSorted());
      expect(report.attestation?.simulated).toBe(true);
    }
  });

  it('is checked again on a schedule, and left when what it shows has changed', async () => {
    const task = await test.service.createTask(smallTask({ participants: 4 }));
    const { id } = task.status();
    let asked = 0;
    const often = { ...policy, requireAttestation: { ...requireAttestation, recheckSeconds: 1 } };
    const wrapped = altering(test.fetch, (frame) => {
      asked += 1;
      return asked < 3 ? frame : { ...frame, codeDigest: new Uint8Array(32).fill(9) };
    });
    const meter = createMeter(wrapped);
    const participant = await start(test, id, { policy: often, fetch: meter.fetch });
    await expect(participant.finished).rejects.toMatchObject({ code: 'client/attestation-refused' });
    expect(asked).toBe(3);
    const outcomes = participant.events.flatMap((event) => (event.kind === 'attested' ? [event.record.outcome] : []));
    expect(outcomes).toEqual(['accepted', 'accepted', 'refused']);
    expect(meter.messages()).toBe(0);
  });
});

describe('a coordinator with signed reference values', () => {
  it('is joined when they stand in the log that the policy pins, and refused without the receipt of that log', async () => {
    const publisher = createSigningKey(new Uint8Array(32).fill(5));
    const values = {
      sotto: 'reference-values/1',
      id: 'aggregator 1.4.0',
      values: [{ tee: 'simulated', measurements: { measurement }, codeDigest: toHex(codeDigest) }],
    };
    const bytes = signReferenceValues(utf8(JSON.stringify(values)), publisher);
    const log = await openLog({
      store: createMemoryTileStore(),
      origin: 'log.example',
      key: createSigningKey(new Uint8Array(32).fill(6)),
    });
    const receipt = await logReferences(bytes, { log, time: new Date() });
    const demand = parseAttestationPolicy(
      {
        tees: ['simulated'],
        references: {
          signers: [{ kind: 'ed25519', name: 'releases', publicKey: toHex(publisher.publicKey) }],
          log: { keys: [formatVerifierKey(log.verifier)] },
        },
      },
      { insecureSimulated: true },
    );
    const referring = { ...policy, requireAttestation: demand };
    const serviceWith = async (references: readonly SignedReferences[]) =>
      startService({
        attestation: await createCoordinatorAttestation(
          { source: simulated(), codeDigest, simulated: true, references },
          createSystemRng(),
        ),
      });
    const logged = await serviceWith([{ kind: 'dsse', bytes, receipt }]);
    const bare = await serviceWith([{ kind: 'dsse', bytes }]);
    try {
      const task = await logged.service.createTask(smallTask({ rounds: 1 }));
      const { id } = task.status();
      const participants = await Promise.all(
        [1, 2, 3, 4].map(() => start(logged, id, { policy: referring, fetch: logged.fetch })),
      );
      await Promise.all(participants.map(({ finished }) => finished));
      expect(task.status()).toMatchObject({ state: 'finished', round: 1 });
      const [record] = participants[0]?.events.flatMap((e) => (e.kind === 'attested' ? [e.record] : [])) ?? [];
      expect(record).toMatchObject({ outcome: 'accepted', matched: 'releases: aggregator 1.4.0' });
      await assertRefused(bare, 'attestation/reference-not-logged', { policy: referring });
    } finally {
      await logged.close();
      await bare.close();
    }
  });
});

describe('a participant refuses, and sends nothing, when the evidence', () => {
  it('shows another measurement', async () => {
    await showing(await attestationOf(simulated({ measurement: 'cd'.repeat(48) })), () =>
      assertRefused(test, 'attestation/measurement-mismatch'),
    );
  });

  it('is for another nonce, or was shown before', async () => {
    let first: AttestationFrame | undefined;
    await assertRefused(test, 'attestation/nonce-mismatch', {
      wrap: (inner) =>
        altering(inner, (frame) => {
          first = frame;
          return { ...frame, nonce: new Uint8Array(32) };
        }),
    });
    // The same evidence under a new nonce: the report data do not fit.
    await assertRefused(test, 'attestation/binding-mismatch', {
      wrap: (inner) => altering(inner, (frame) => ({ ...frame, evidence: (first as AttestationFrame).evidence })),
    });
  });

  it('binds another key than the one to seal to', async () => {
    const other = await createSealingKey(createSystemRng());
    await assertRefused(test, 'attestation/binding-mismatch', {
      wrap: (inner) => altering(inner, (frame) => ({ ...frame, publicKey: other.publicKey })),
    });
  });

  it('is old', async () => {
    await showing(await attestationOf(simulated({}, 3_600_000)), () => assertRefused(test, 'attestation/stale'));
  });

  it('binds another policy of the task than the participant was told', async () => {
    await assertRefused(test, 'attestation/binding-mismatch', {
      wrap: (inner) => async (input, init) => {
        const response = await inner(input, init);
        if (!(input as URL).pathname.endsWith('/participants') || !response.ok) return response;
        const joined = (await response.json()) as { task: string };
        // A comment changes no plan, and is another task file than the one the evidence binds.
        return Response.json({ ...joined, task: `${joined.task}# changed\n` });
      },
    });
  });

  it('is of other code, comes from a debuggable environment, or is not there at all', async () => {
    await showing(await attestationOf(simulated(), new Uint8Array(32).fill(8)), () =>
      assertRefused(test, 'attestation/code-not-accepted'),
    );
    await showing(await attestationOf(simulated({ debug: true })), () =>
      assertRefused(test, 'attestation/debug-forbidden'),
    );
    const none = {
      ...(await attestationOf(simulated())),
      answer: () => Promise.reject(new CoordinatorError('coordinator/not-attested', 'none')),
    };
    await showing(none, () => assertRefused(test, 'coordinator/not-attested'));
  });

  it('is simulated and nobody asked for that', async () => {
    const task = await test.service.createTask(smallTask());
    const meter = createMeter(test.fetch);
    const participant = await start(test, task.status().id, {
      fetch: meter.fetch,
      insecureSimulatedAttestation: false,
    });
    await expect(participant.finished).rejects.toMatchObject({ code: 'attestation/policy-invalid' });
    expect(meter.messages()).toBe(0);
  });
});

describe('a sealed contribution', () => {
  it('is in the journal as it came, and an attempt whose key died with its process is aborted, charged once', async () => {
    const database = await openDatabase({ kind: 'memory' });
    const objects = createMemoryObjectStore();
    const first = await startService({ database, objects, attestation: await attestationOf(simulated()) });
    const task = await first.service.createTask(smallTask({ rounds: 1, stageTimeoutMs: 60_000 }));
    const { id } = task.status();
    let current = first;
    let down = false;
    let contributions = 0;
    const participants = await Promise.all(
      [0, 1, 2, 3].map((i) =>
        start(first, id, {
          fetch: async (input, init) => {
            const { body } = init ?? {};
            if (down) throw new TypeError('fetch failed');
            // The fourth contribution never arrives in the first process: the round stands open with three.
            if (body instanceof Uint8Array && body[2] === 3 && (contributions += 1) === 4 && current === first) {
              throw new TypeError('the network is down');
            }
            return current.fetch(input, init);
          },
          label: `p${i}`,
        }),
      ),
    );
    while (contributions < 4)
      await new Promise((resolve) => {
        setTimeout(resolve, 10);
      });
    // Nobody reaches a process that is gone; its successor takes its place.
    down = true;
    await first.service.close();
    current = await startService({ database, objects, attestation: await attestationOf(simulated()) });
    down = false;
    await Promise.all(participants.map(({ finished }) => finished));
    const outcomes = current.reports.map(({ attempt, outcome }) => [attempt, outcome]);
    expect(outcomes).toEqual([
      [1, 'aborted'],
      [2, 'committed'],
    ]);
    await current.service.close();
    await database.close();
  });
});
