import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createSigningKey, equalBytes, toHex, utf8 } from '../../foundations/crypto/index.ts';
import {
  assertConsistent,
  commitTo,
  computeRoot,
  computeRosterRoot,
  cosignNote,
  createLogReader,
  createMemoryTileStore,
  createMemoryWitnessStore,
  createNoteVerifier,
  createReceipt,
  createReferenceLog,
  createWitness,
  decodeBase64,
  decodeLeaf,
  emptyRoot,
  encodeBase64,
  encodeLeaf,
  encodeReceipt,
  formatCheckpoint,
  formatLogProof,
  formatNote,
  formatVerifierKey,
  formatWitnessRequest,
  hashLeaf,
  LogError,
  logProofOf,
  logReferences,
  type LogWriter,
  openCheckpoint,
  openLog,
  parseCheckpoint,
  parseLogProof,
  parseNote,
  parseReceipt,
  parseTilePath,
  parseVerifierKey,
  signNote,
  tilePath,
  type TileStore,
  verifyConsistency,
  verifyInclusion,
  verifyLogProof,
  verifyNote,
  verifyReceipt,
} from './index.ts';

const key = createSigningKey(new Uint8Array(32).fill(7));
const origin = 'sotto.example/log';
const leaf = (i: number): Uint8Array => utf8(`leaf ${i}`);
const leaves = (start: number, end: number): Uint8Array[] =>
  Array.from({ length: end - start }, (_, i) => leaf(start + i));
const open = (store: TileStore, options: object = {}): Promise<LogWriter> =>
  openLog({ store, origin, key, ...options });
const codeOf = async (call: () => unknown): Promise<string> => {
  try {
    await call();
    return 'accepted';
  } catch (error) {
    if (error instanceof LogError) return error.code;
    throw error;
  }
};

describe('Merkle proofs', () => {
  it('hold for every leaf and every pair of sizes up to 70, and for nothing else', async () => {
    const store = createMemoryTileStore();
    const log = await open(store);
    await log.append(leaves(0, 70));
    const reader = log.reader();
    const hashes = leaves(0, 70).map(hashLeaf);
    for (let size = 1; size <= 70; size += 1) {
      const root = await reader.root(size);
      expect(equalBytes(root, computeRoot(hashes.slice(0, size)))).toBe(true);
      for (let index = 0; index < size; index += 1) {
        const proof = await reader.inclusionProof(index, size);
        const claim = { index, size, root, leafHash: hashes[index] as Uint8Array, proof };
        expect(verifyInclusion(claim)).toBe(true);
        expect(verifyInclusion({ ...claim, index: index + 1 })).toBe(false);
        expect(verifyInclusion({ ...claim, leafHash: hashes[(index + 1) % 70] as Uint8Array })).toBe(false);
      }
      for (let older = 0; older <= size; older += 1) {
        const proof = await reader.consistencyProof(older, size);
        const claim = { size1: older, size2: size, root1: await reader.root(older), root2: root, proof };
        expect(verifyConsistency(claim)).toBe(true);
        if (older > 0) expect(verifyConsistency({ ...claim, root1: hashLeaf(root) })).toBe(false);
      }
    }
  });

  it('lose their truth with any changed bit', async () => {
    const log = await open(createMemoryTileStore());
    await log.append(leaves(0, 300));
    const reader = log.reader();
    const root = await reader.root();
    await fc.assert(
      fc.asyncProperty(fc.nat(299), fc.nat(), fc.nat(255), async (index, at, bit) => {
        const proof = (await reader.inclusionProof(index)).map((hash) => hash.slice());
        const target = proof[at % proof.length] as Uint8Array;
        target[bit >> 3] = (target[bit >> 3] as number) ^ (1 << (bit & 7));
        return !verifyInclusion({ index, size: 300, root, leafHash: hashLeaf(leaf(index)), proof });
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('answer for sizes beyond 2^53 and for nonsense without throwing', () => {
    const hash = emptyRoot();
    for (const size of [2n ** 64n, -1, 0.5, Number.NaN, 2 ** 60]) {
      expect(verifyInclusion({ index: 0, size, root: hash, leafHash: hash, proof: [hash] })).toBe(false);
      expect(verifyConsistency({ size1: 1, size2: size, root1: hash, root2: hash, proof: [] })).toBe(false);
    }
    expect(verifyConsistency({ size1: 0, size2: 9, root1: hash, root2: hashLeaf(hash), proof: [] })).toBe(true);
    expect(verifyConsistency({ size1: 0, size2: 9, root1: hashLeaf(hash), root2: hash, proof: [] })).toBe(false);
  });
});

describe('signed notes', () => {
  // The example of the note format's first implementation, golang.org/x/mod/sumdb/note.
  const peter = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
  const text =
    'If you think cryptography is the answer to your problem,\nthen you don’t know what your problem is.\n'.replace(
      '’',
      "'",
    );
  const line =
    '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';

  it('verify as others wrote them', () => {
    const verifier = parseVerifierKey(peter);
    expect(formatVerifierKey(verifier)).toBe(peter);
    expect(verifyNote(parseNote(formatNote(text, [line])), [verifier])).toHaveLength(1);
    expect(() => verifyNote(parseNote(formatNote(text.replace('your', 'our'), [line])), [verifier])).toThrow(LogError);
  });

  it('ignore unknown keys, and refuse a known one that does not verify', async () => {
    const note = formatCheckpoint({ origin, size: 0, root: emptyRoot() });
    const mine = createNoteVerifier('ed25519', origin, key.publicKey);
    const signed = formatNote(note, [signNote(note, { name: origin, key }), line]);
    expect(openCheckpoint(signed, { verifiers: [mine] }).size).toBe(0);
    expect(await codeOf(() => openCheckpoint(signed, { verifiers: [mine, parseVerifierKey(peter)] }))).toBe(
      'log/signature-invalid',
    );
    expect(await codeOf(() => openCheckpoint(formatNote(note, [line]), { verifiers: [mine] }))).toBe(
      'log/signature-invalid',
    );
    expect(await codeOf(() => openCheckpoint(signed, { verifiers: [mine], witnesses: 1 }))).toBe(
      'log/signature-invalid',
    );
  });

  it('are refused or different with any byte changed, and never break the reader', () => {
    const body = formatCheckpoint({ origin, size: 5, root: emptyRoot() });
    const good = utf8(formatNote(body, [signNote(body, { name: origin, key })]));
    const verifiers = [createNoteVerifier('ed25519', origin, key.publicKey)];
    for (let i = 0; i < good.length; i += 1) {
      const bad = good.slice();
      bad[i] = (bad[i] as number) ^ 1;
      expect(() => openCheckpoint(bad, { verifiers })).toThrow(LogError);
    }
  });

  it('read base64 in one spelling only', () => {
    for (const bytes of [[], [1], [1, 2], [1, 2, 3], [255, 255, 255, 255]]) {
      expect(decodeBase64(encodeBase64(Uint8Array.from(bytes)))).toEqual(Uint8Array.from(bytes));
    }
    for (const text of ['AB==', 'A', 'AA=', 'A===', '====', 'AA\n=', 'A=BC', '-_==']) {
      expect(decodeBase64(text)).toBeUndefined();
    }
    for (const bad of ['x\n1\nAA==\n', '\n1\n', 'x\n01\n', 'x\n1'])
      expect(() => parseCheckpoint(bad)).toThrow(LogError);
  });
});

describe('a tiled log', () => {
  it('names its tiles as the format does', () => {
    expect(tilePath({ level: 0, index: 1_234_067, width: 256 })).toBe('tile/0/x001/x234/067');
    expect(tilePath({ level: 'entries', index: 5, width: 3 })).toBe('tile/entries/005.p/3');
    expect(parseTilePath('tile/0/x001/x234/067')).toEqual({ level: 0, index: 1_234_067, width: 256 });
    for (const bad of [
      'tile/00/001',
      'tile/0/x000/001',
      'tile/0/1',
      'tile/0/001.p/0',
      'tile/0/001.p/256',
      'tile/../x',
    ]) {
      expect(parseTilePath(bad)).toBeUndefined();
    }
  });

  it('has the files of the format at 70,000 leaves, whatever batches they came in', async () => {
    const store = createMemoryTileStore();
    const log = await open(store);
    for (let at = 0, step = 1; at < 70_000; step = (step * 7 + 3) % 9001) {
      const end = Math.min(70_000, at + step);
      await log.append(leaves(at, end));
      at = end;
    }
    const paths = await store.list();
    expect(paths.filter((path) => /^tile\/0\/(x|\d{3}$)/.test(path)).length).toBe(273);
    for (const path of [
      'tile/0/273.p/112',
      'tile/1/000',
      'tile/1/001.p/17',
      'tile/2/000.p/1',
      'tile/entries/273.p/112',
    ]) {
      expect(paths).toContain(path);
    }
    expect(equalBytes(log.checkpoint().root, computeRoot(leaves(0, 70_000).map(hashLeaf)))).toBe(true);
    const reader = createLogReader(store, 70_000);
    for (const index of [0, 255, 256, 65_535, 65_536, 69_999]) {
      const proof = await reader.inclusionProof(index);
      const { size, root } = log.checkpoint();
      expect(verifyInclusion({ index, size, root, leafHash: hashLeaf(leaf(index)), proof })).toBe(true);
      expect(await reader.entry(index)).toEqual(leaf(index));
    }
    expect(
      verifyConsistency({
        size1: 300,
        size2: 70_000,
        root1: await reader.root(300),
        root2: log.checkpoint().root,
        proof: await reader.consistencyProof(300),
      }),
    ).toBe(true);
  });

  it('goes on where it stopped, and puts concurrent leaves under one signature', async () => {
    const store = createMemoryTileStore();
    let log = await open(store, { partials: 'latest' });
    await log.append([leaf(0)]);
    const indices = await Promise.all(leaves(1, 600).map((each) => log.append([each])));
    expect(indices).toEqual(Array.from({ length: 599 }, (_, i) => i + 1));
    log = await open(store, { partials: 'latest' });
    await log.append(leaves(600, 700));
    expect(equalBytes(log.checkpoint().root, computeRoot(leaves(0, 700).map(hashLeaf)))).toBe(true);
    expect((await store.list()).filter((path) => path.includes('.p/'))).toEqual([
      'tile/0/002.p/188',
      'tile/1/000.p/2',
      'tile/entries/002.p/188',
    ]);
  });

  it('is the log of the last checkpoint after a crash at any write', async () => {
    for (let crashAt = 0; crashAt < 12; crashAt += 1) {
      const memory = createMemoryTileStore();
      const first = await open(memory);
      await first.append(leaves(0, 250));
      let writes = 0;
      const crashing: TileStore = {
        ...memory,
        async write(files) {
          for (const file of files) {
            if (writes === crashAt) throw new Error('power failure');
            writes += 1;
            await memory.write([file]);
          }
        },
      };
      const log = await open(crashing).catch(() => undefined);
      const done = await log?.append(leaves(250, 260)).then(
        () => true,
        () => false,
      );
      const again = await open(memory);
      expect([250, 260]).toContain(again.size());
      if (done === true) expect(again.size()).toBe(260);
      await again.append([leaf(again.size())]);
      const size = again.size();
      expect(equalBytes(again.checkpoint().root, computeRoot(leaves(0, size).map(hashLeaf)))).toBe(true);
      const stale = (await memory.list()).map(parseTilePath).filter((name) => name?.level === 'entries');
      expect(stale.every((name) => (name?.index ?? 0) * 256 + (name?.width ?? 0) <= size)).toBe(true);
    }
  });

  it('goes on after a write that failed', async () => {
    const memory = createMemoryTileStore();
    let failing = false;
    const store: TileStore = {
      ...memory,
      write: (files) => (failing ? Promise.reject(new Error('disk full')) : memory.write(files)),
    };
    const log = await open(store);
    await log.append(leaves(0, 10));
    failing = true;
    await expect(log.append(leaves(10, 20))).rejects.toThrow('disk full');
    failing = false;
    expect(await log.append(leaves(10, 12))).toBe(10);
    expect(equalBytes(log.checkpoint().root, computeRoot(leaves(0, 12).map(hashLeaf)))).toBe(true);
  });

  it('is not continued when its tiles, its key or its past are others', async () => {
    const make = async (count: number): Promise<TileStore> => {
      const store = createMemoryTileStore();
      await (await open(store)).append(leaves(0, count));
      return store;
    };
    const store = await make(20);
    const seen = (await open(store)).checkpoint();
    expect(await codeOf(async () => open(await make(10), { seen }))).toBe('log/rolled-back');
    expect(await codeOf(() => open(createMemoryTileStore(), { seen }))).toBe('log/rolled-back');
    const other = createMemoryTileStore();
    await (await open(other)).append(leaves(100, 130));
    expect(await codeOf(() => open(other, { seen }))).toBe('log/forked');
    const stranger = createSigningKey(new Uint8Array(32).fill(8));
    expect(await codeOf(() => openLog({ store, origin, key: stranger }))).toBe('log/key-mismatch');
    const tile = (await store.read('tile/0/000.p/20')) as Uint8Array;
    tile[5] = (tile[5] as number) ^ 1;
    await store.write([['tile/0/000.p/20', tile]]);
    expect(await codeOf(() => open(store))).toBe('log/inconsistent');
    await store.remove(['tile/0/000.p/20']);
    expect(await codeOf(() => open(store))).toBe('log/incomplete');
    expect(await codeOf(async () => (await open(createMemoryTileStore())).append([new Uint8Array(65_536)]))).toBe(
      'log/invalid-leaf',
    );
  });
});

describe('proofs and receipts', () => {
  it('travel as text and are worth nothing for another leaf, key or byte', async () => {
    const log = await open(createMemoryTileStore());
    await log.append(leaves(0, 33));
    const proof = formatLogProof({
      index: 12,
      hashes: await log.reader().inclusionProof(12),
      checkpoint: log.checkpoint().note,
      extra: utf8('extra'),
    });
    const verifiers = [log.verifier];
    expect(verifyLogProof(parseLogProof(proof), leaf(12), { verifiers }).size).toBe(33);
    expect(formatLogProof(parseLogProof(proof))).toBe(proof);
    expect(await codeOf(() => verifyLogProof(parseLogProof(proof), leaf(13), { verifiers }))).toBe('log/inconsistent');
    const bytes = utf8(proof);
    const extra = proof.indexOf('extra ');
    const extraEnd = proof.indexOf('\n', extra);
    for (let i = 0; i < bytes.length; i += 1) {
      if (i >= extra && i <= extraEnd) continue; // Not authenticated, as the format says.
      const bad = bytes.slice();
      bad[i] = (bad[i] as number) ^ 4;
      const text = new TextDecoder().decode(bad);
      expect(await codeOf(() => verifyLogProof(parseLogProof(text), leaf(12), { verifiers }))).not.toBe('accepted');
    }
  });

  it('show a participant its own rounds, by a commitment that only its salt opens', async () => {
    const log = await open(createMemoryTileStore());
    const salts = ['a', 'b', 'c'].map((_, i) => new Uint8Array(32).fill(i + 1));
    const commitments = ['a', 'b', 'c'].map((name, i) => commitTo(name, salts[i] as Uint8Array));
    const rounds = [];
    for (let round = 1; round <= 5; round += 1) {
      const content = {
        kind: 'round-opened' as const,
        time: '2026-01-01T00:00:00.000Z',
        attempt: round,
        round,
        rosterDigest: computeRosterRoot(commitments),
        cohort: 3,
        modelDigest: toHex(emptyRoot()),
      };
      rounds.push({ index: await log.append([encodeLeaf(content)]), commitments, position: 1 });
    }
    const receipt = await createReceipt({
      participant: 'b',
      salt: salts[1] as Uint8Array,
      rounds,
      reader: log.reader(),
      checkpoint: log.checkpoint(),
    });
    const verifiers = [log.verifier];
    const bytes = encodeReceipt(receipt);
    expect(verifyReceipt(parseReceipt(bytes), { verifiers }).rounds.map(({ round }) => round)).toEqual([1, 2, 3, 4, 5]);
    expect(new TextDecoder().decode(bytes)).not.toContain(toHex(salts[0] as Uint8Array));
    expect(await codeOf(() => verifyReceipt({ ...receipt, participant: 'a' }, { verifiers }))).toBe('log/inconsistent');
    expect(parseLogProof(logProofOf(receipt, 2)).index).toBe(2);
    for (let i = 0; i < bytes.length; i += 3) {
      const bad = bytes.slice();
      bad[i] = (bad[i] as number) ^ 1;
      expect(await codeOf(() => verifyReceipt(parseReceipt(bad), { verifiers }))).not.toBe('accepted');
    }
  });

  it('vouch for reference values', async () => {
    const log = await open(createMemoryTileStore());
    await log.append(leaves(0, 3));
    const values = utf8('signed values');
    const receipt = await logReferences(values, { log, time: new Date(0) });
    const reference = createReferenceLog({ name: 'test', verifiers: [log.verifier] });
    expect(reference.verifyInclusion(values, receipt)).toBe(true);
    expect(reference.verifyInclusion(utf8('other values'), receipt)).toBe(false);
    expect(
      createReferenceLog({ name: 'test', verifiers: [log.verifier], witnesses: 1 }).verifyInclusion(values, receipt),
    ).toBe(false);
    for (let i = 0; i < receipt.length; i += 1) {
      const bad = receipt.slice();
      bad[i] = (bad[i] as number) ^ 2;
      expect(reference.verifyInclusion(values, bad)).toBe(false);
    }
  });

  it('refuse leaves that are not canonical, unknown or have other fields', () => {
    const good = encodeLeaf({ kind: 'reference', time: '2026-01-01T00:00:00Z', digest: '0'.repeat(64) });
    expect(decodeLeaf(good).kind).toBe('reference');
    const text = new TextDecoder().decode(good);
    for (const bad of [
      ` ${text}`,
      text.replace('reference', 'unheard'),
      text.replace('"kind"', '"x":1,"kind"'),
      '[]',
      '',
    ]) {
      expect(() => decodeLeaf(utf8(bad))).toThrow(LogError);
    }
  });
});

describe('a witness', () => {
  const witnessKey = createSigningKey(new Uint8Array(32).fill(9));
  const make = (logs = [createNoteVerifier('ed25519', origin, key.publicKey)]) =>
    createWitness({
      name: 'witness.example',
      key: witnessKey,
      logs,
      store: createMemoryWitnessStore(),
      now: () => 1_700_000_000,
    });

  it('cosigns a log that grows, and nothing that forks, shrinks or is unknown', async () => {
    const witness = make();
    const log = await open(createMemoryTileStore());
    await log.append(leaves(0, 10));
    const first = log.checkpoint();
    const answer = await witness.addCheckpoint(formatWitnessRequest(0, { proof: [], checkpoint: first.note }));
    expect(answer.status).toBe(200);
    await log.addCosignatures([answer.body], [witness.verifier]);
    const opened = openCheckpoint(log.checkpoint().note, { verifiers: [log.verifier, witness.verifier], witnesses: 1 });
    expect(opened.signatures.map(({ time }) => time)).toEqual([undefined, 1_700_000_000]);
    await log.append(leaves(10, 25));
    const next = log.checkpoint();
    const proof = await log.reader().consistencyProof(10);
    expect((await witness.addCheckpoint(formatWitnessRequest(3, { proof, checkpoint: next.note }))).body).toBe('10\n');
    expect((await witness.addCheckpoint(formatWitnessRequest(10, { proof, checkpoint: next.note }))).status).toBe(200);

    const fork = await open(createMemoryTileStore());
    await fork.append(leaves(50, 80));
    const forkProof = await fork.reader().consistencyProof(25);
    const refused = await witness.addCheckpoint(
      formatWitnessRequest(25, { proof: forkProof, checkpoint: fork.checkpoint().note }),
    );
    expect(refused).toMatchObject({ status: 422, code: 'log/forked' });
    expect(() => assertConsistent(next, fork.checkpoint(), forkProof)).toThrow(/forked/);
    expect((await make([]).addCheckpoint(formatWitnessRequest(0, { proof: [], checkpoint: first.note }))).status).toBe(
      404,
    );
    const stranger = createNoteVerifier('ed25519', origin, witnessKey.publicKey);
    expect(
      (await make([stranger]).addCheckpoint(formatWitnessRequest(0, { proof: [], checkpoint: first.note }))).status,
    ).toBe(403);
    for (const bad of ['', 'old x\n\n', 'old 0\nzz\n\n', `old 0\n\n${first.note.slice(0, -9)}`]) {
      expect([400, 403, 404]).toContain((await make().addCheckpoint(bad)).status);
    }
  });

  it('signs with its time, so that a stale view shows its age', async () => {
    const text = formatCheckpoint({ origin, size: 1, root: emptyRoot() });
    const line = cosignNote(text, { name: 'w', key: witnessKey, time: 12 });
    const verifier = createNoteVerifier('cosignature', 'w', witnessKey.publicKey);
    expect(verifyNote(parseNote(formatNote(text, [line])), [verifier])[0]?.time).toBe(12);
    expect(parseVerifierKey(formatVerifierKey(verifier))).toEqual(verifier);
  });
});
