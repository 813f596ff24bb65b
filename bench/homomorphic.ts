/**
 * Measures homomorphic encryption against the libraries below it, in the same run and alternating: CKKS sums against
 * node-seal called by hand with the same parameters, Paillier against paillier-bigint on the same packed plaintexts, and
 * a linear model on encrypted input. Run with `node --conditions=source bench/homomorphic.ts`. Prints JSON.
 */
import { PublicKey } from 'paillier-bigint';
import { createSystemRng } from 'sotto/random';
import {
  createCkks,
  createEncryptedInference,
  createObfuscator,
  encryptResidue,
  evaluateInClear,
  generatePaillierKeys,
  loadSeal,
} from 'sotto/homomorphic';

const rng = createSystemRng();
const uniform = (count: number): Float64Array =>
  Float64Array.from(new Int32Array(rng.bytes(4 * count).buffer), (word) => word / 2 ** 31);

/** CPU seconds of a body. */
async function cpu(body: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await body();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

const ENTRIES = 1_000_000;
const PARTIES = 2;

async function measureCkks() {
  const context = await createCkks({ clampRange: 1, fractionBits: 20, addends: 5, entries: ENTRIES });
  const keys = await context.createKeys();
  const vectors = Array.from({ length: PARTIES }, () => uniform(ENTRIES));
  let sum: Float64Array = new Float64Array(0);
  const ours = async () => {
    const encrypted = [];
    for (const vector of vectors) encrypted.push(await context.encrypt(vector, keys.publicKey));
    const [first, ...rest] = encrypted;
    if (first === undefined) throw new Error('nothing was encrypted');
    sum = await context.decrypt(context.add(first, ...rest), keys.secretKey);
  };

  const seal = await loadSeal();
  const scale = Number(/scale 2\^(\d+)/.exec(context.description)?.[1]);
  const parameters = seal.EncryptionParameters(seal.SchemeType.ckks);
  parameters.setPolyModulusDegree(4096);
  parameters.setCoeffModulus(seal.CoeffModulus.Create(4096, Int32Array.of(60)));
  const plainContext = seal.Context(parameters, false, seal.SecurityLevel.tc128);
  const generator = seal.KeyGenerator(plainContext);
  const encryptor = seal.Encryptor(plainContext, generator.createPublicKey());
  const decryptor = seal.Decryptor(plainContext, generator.secretKey());
  const evaluator = seal.Evaluator(plainContext);
  const encoder = seal.CKKSEncoder(plainContext);
  const plain = seal.PlainText();
  const byHand = () => {
    // Ciphertexts travel as bytes, as ours do.
    const sent = vectors.map((vector) => {
      const chunks: Uint8Array[] = [];
      const cipher = seal.CipherText();
      for (let at = 0; at < ENTRIES; at += encoder.slotCount) {
        encoder.encode(vector.slice(at, at + encoder.slotCount), 2 ** scale, plain);
        encryptor.encrypt(plain, cipher);
        chunks.push(cipher.saveArray(seal.ComprModeType.none));
      }
      cipher.delete();
      return chunks;
    });
    const out = new Float64Array(ENTRIES);
    const [a, b] = [seal.CipherText(), seal.CipherText()];
    (sent[0] as Uint8Array[]).forEach((chunk, i) => {
      a.loadArray(plainContext, chunk);
      for (const other of sent.slice(1)) {
        b.loadArray(plainContext, other[i] as Uint8Array);
        evaluator.add(a, b, a);
      }
      decryptor.decrypt(a, plain);
      const at = i * encoder.slotCount;
      out.set(encoder.decode(plain).subarray(0, Math.min(encoder.slotCount, ENTRIES - at)), at);
    });
    a.delete();
    b.delete();
  };

  const times = { ours: [] as number[], byHand: [] as number[] };
  for (let i = 0; i < 4; i += 1) {
    times.ours.push(await cpu(ours));
    times.byHand.push(await cpu(byHand));
  }
  let maxError = 0;
  for (let i = 0; i < ENTRIES; i += 1) {
    const exact = vectors.reduce((total, vector) => total + (vector[i] as number), 0);
    maxError = Math.max(maxError, Math.abs((sum[i] as number) - exact));
  }
  const [bestOurs, bestByHand] = [Math.min(...times.ours), Math.min(...times.byHand)];
  return {
    parameters: context.description,
    entries: ENTRIES,
    parties: PARTIES,
    bestOurs,
    bestByHand,
    ratio: bestOurs / bestByHand,
    maxError,
    statedMaxError: context.maxError,
  };
}

async function measurePaillier() {
  const { publicKey } = generatePaillierKeys({ keyBits: 2048 }, rng);
  const theirs = new PublicKey(publicKey.n, publicKey.n + 1n);
  const plaintexts = Array.from({ length: 16 }, () => {
    let packed = 0n;
    for (const byte of rng.bytes(252)) packed = (packed << 8n) | BigInt(byte);
    return packed;
  });
  const expected = 512;
  const short = createObfuscator(publicKey, { expected }, rng);
  const full = createObfuscator(publicKey, { method: 'full-exponent' }, rng);
  const secondsTable = await cpu(() => short.next());
  const milliseconds = { ours: Infinity, oursFullExponent: Infinity, paillierBigint: Infinity };
  for (let i = 0; i < 3; i += 1) {
    const each = async (body: (plaintext: bigint) => unknown) =>
      ((await cpu(() => plaintexts.forEach((plaintext) => body(plaintext)))) * 1000) / plaintexts.length;
    milliseconds.ours = Math.min(
      milliseconds.ours,
      await each((plaintext) => encryptResidue(publicKey, plaintext, short.next())),
    );
    milliseconds.paillierBigint = Math.min(
      milliseconds.paillierBigint,
      await each((plaintext) => theirs.encrypt(plaintext)),
    );
    milliseconds.oursFullExponent = Math.min(
      milliseconds.oursFullExponent,
      await each((plaintext) => encryptResidue(publicKey, plaintext, full.next())),
    );
  }
  return {
    keyBits: 2048,
    packed: '63 × 32 bits',
    milliseconds,
    ratio: milliseconds.paillierBigint / milliseconds.ours,
    secondsTable,
  };
}

async function measureLinear() {
  const inference = await createEncryptedInference({ inputs: 784, outputs: 10 });
  const keys = inference.createKeys();
  const layer = { inputs: 784, outputs: 10, weights: uniform(7840).map((weight) => weight / 10), bias: uniform(10) };
  const model = inference.prepare([layer]);
  const input = uniform(784).map(Math.abs);
  const seconds = { encrypt: Infinity, evaluate: Infinity, decrypt: Infinity };
  let maxError = 0;
  for (let i = 0; i < 6; i += 1) {
    let query = inference.encrypt(input, keys.publicKey);
    seconds.encrypt = Math.min(seconds.encrypt, await cpu(() => (query = inference.encrypt(input, keys.publicKey))));
    let answer = query;
    seconds.evaluate = Math.min(
      seconds.evaluate,
      await cpu(() => (answer = model.evaluate(query, keys.evaluationKeys))),
    );
    let scores: Float64Array = new Float64Array(0);
    seconds.decrypt = Math.min(seconds.decrypt, await cpu(() => (scores = inference.decrypt(answer, keys.secretKey))));
    const exact = evaluateInClear([layer], input);
    maxError = Math.max(maxError, ...exact.map((value, row) => Math.abs(value - (scores[row] as number))));
  }
  return {
    parameters: inference.description,
    rotations: inference.rotations,
    seconds,
    total: seconds.encrypt + seconds.evaluate + seconds.decrypt,
    maxError,
  };
}

const report = {
  node: process.version,
  ckks: await measureCkks(),
  paillier: await measurePaillier(),
  linear: await measureLinear(),
};
console.log(JSON.stringify(report, undefined, 2));
