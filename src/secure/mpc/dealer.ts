/**
 * A dealer of correlated randomness: semi-honest, and colluding with no party. It sends each party a seed; components
 * that must fit together are corrected at the last party, so that one vector a product goes over the wire, to one party.
 *
 * @module
 */

import { hkdfSha256, utf8 } from '../../foundations/crypto/index.ts';
import {
  add128Into,
  createKeystream,
  multiplyAdd128Into,
  multiplyAdd64Into,
  multiplyMatrices128Into,
  multiplyMatrices64Into,
} from '../../foundations/kernels/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import type { PartyChannel } from './channel.ts';
import { convolve64Into } from './convolution.ts';
import { MpcError } from './errors.ts';
import {
  componentsOf,
  isWide,
  type Correlation,
  type Preprocessing,
  type PreprocessingRequest,
} from './preprocessing.ts';

const SEED_BYTES = 32;
const GOODBYE = utf8('"bye"');
/** SPDZ2k: a party's share of the key has s = 40 bits. */
const MAC_KEY_MASK = (1n << 40n) - 1n;
/** Where the dealer keeps the key, a name no weight can have. */
const MAC_KEY = ' mac key';

/** Expands the components of one request from a party's seed; `count` distinguishes requests. */
function expand(seed: Uint8Array, request: PreprocessingRequest, count: number, all: boolean): BigUint64Array[] {
  const key = hkdfSha256(seed, { info: utf8(`sotto/mpc/dealer/${count}`), sizeBytes: 32 });
  const stream = createKeystream(key);
  const mask = request.kind === 'conjunction' ? (1n << BigInt(request.width)) - 1n : undefined;
  return componentsOf(request).map(({ length, free }, index) => {
    const words = new BigUint64Array(length);
    // A determined component of the last party comes as a correction.
    if (!free && !all) return words;
    stream.fill(new Uint8Array(words.buffer));
    const bits = isBit(request, index) ? 1n : mask;
    if (bits !== undefined) for (let i = 0; i < length; i += 1) words[i] = (words[i] as bigint) & bits;
    if (request.kind === 'macKey') {
      words[0] = (words[0] as bigint) & MAC_KEY_MASK;
      words[1] = 0n;
    }
    return words;
  });
}

/** Whether a component is an exclusive-or share of single bits. */
function isBit(request: PreprocessingRequest, index: number): boolean {
  return request.kind === 'bitProduct' && index === 0;
}

/** Whether a component is shared by exclusive or. */
function isBoolean(request: PreprocessingRequest, index: number): boolean {
  return request.kind === 'conjunction' || (request.kind === 'truncation' && index === 1) || isBit(request, index);
}

function sumOf(shares: readonly BigUint64Array[][], index: number, request: PreprocessingRequest): BigUint64Array {
  const [first, ...rest] = shares.map((share) => share[index] as BigUint64Array);
  const sum = (first as BigUint64Array).slice();
  const boolean = isBoolean(request, index);
  if (isWide(request)) {
    for (const words of rest) add128Into(sum, words);
    return sum;
  }
  for (const words of rest) {
    if (boolean) for (let i = 0; i < sum.length; i += 1) sum[i] = (sum[i] as bigint) ^ (words[i] as bigint);
    else for (let i = 0; i < sum.length; i += 1) sum[i] = BigInt.asUintN(64, (sum[i] as bigint) + (words[i] as bigint));
  }
  return sum;
}

const HALF = (1n << 63n) - 1n;

/** The MACs of values: their products with the key. */
function macOf(values: BigUint64Array, key: BigUint64Array): BigUint64Array {
  const out = new BigUint64Array(values.length);
  multiplyMatrices128Into(out, values, key, { rows: values.length / 2, inner: 1, columns: 1 });
  return out;
}

/** Computes the determined components from the free ones. */
function determine(
  request: PreprocessingRequest,
  plain: readonly (BigUint64Array | undefined)[],
  weights: Map<string, BigUint64Array>,
): Map<number, BigUint64Array> {
  const at = (index: number) => plain[index] as BigUint64Array;
  const out = new Map<number, BigUint64Array>();
  const product = (index: number, length: number, body: (target: BigUint64Array) => void) => {
    const target = new BigUint64Array(length);
    body(target);
    out.set(index, target);
  };
  const kept = (name: string) => {
    const weight = weights.get(name);
    if (weight === undefined)
      throw new MpcError('mpc/malformed-message', `there is no mask for the weight ${JSON.stringify(name)}`);
    return weight;
  };
  switch (request.kind) {
    case 'triple':
      product(2, request.count, (target) => multiplyAdd64Into(target, at(0), at(1)));
      return out;
    case 'matrix': {
      const b = request.weight === undefined ? at(1) : kept(request.weight);
      product(request.weight === undefined ? 2 : 1, request.rows * request.columns, (target) =>
        multiplyMatrices64Into(target, at(0), b, request),
      );
      return out;
    }
    case 'convolution':
      product(1, componentsOf(request)[1]?.length as number, (target) =>
        convolve64Into(target, at(0), kept(request.weight), request.shape),
      );
      return out;
    case 'weight':
      weights.set(request.name, at(0));
      return out;
    case 'macKey':
      weights.set(MAC_KEY, at(0));
      return out;
    case 'macMask':
    case 'macInput':
      out.set(1, macOf(at(0), kept(MAC_KEY)));
      return out;
    case 'macMatrix':
    case 'macTriple': {
      const key = kept(MAC_KEY);
      const c = new BigUint64Array(request.kind === 'macTriple' ? at(0).length : 2 * request.rows * request.columns);
      if (request.kind === 'macTriple') multiplyAdd128Into(c, at(0), at(1));
      else multiplyMatrices128Into(c, at(0), at(1), request);
      out
        .set(2, macOf(at(0), key))
        .set(3, macOf(at(1), key))
        .set(4, c)
        .set(5, macOf(c, key));
      return out;
    }
    case 'truncation': {
      const r = at(0);
      out.set(1, r);
      out.set(
        2,
        r.map((word) => word >> 63n),
      );
      out.set(
        3,
        r.map((word) => (word & HALF) >> BigInt(request.shift)),
      );
      return out;
    }
    case 'conjunction':
      out.set(
        3,
        at(0).map((word, i) => word & (at(1)[i] as bigint)),
      );
      out.set(
        4,
        at(0).map((word, i) => word & (at(2)[i] as bigint)),
      );
      return out;
    case 'bitProduct':
      out.set(1, at(0));
      for (let lane = 0; lane < request.lanes; lane += 1)
        product(3 + 2 * lane, request.count, (target) => multiplyAdd64Into(target, at(2 + 2 * lane), at(0)));
      return out;
  }
}

/** Computes what the last party must add to its shares. */
function correct(
  request: PreprocessingRequest,
  shares: readonly BigUint64Array[][],
  weights: Map<string, BigUint64Array>,
): Uint8Array {
  const components = componentsOf(request);
  const plain = components.map(({ free }, index) => (free ? sumOf(shares, index, request) : undefined));
  const determined = determine(request, plain, weights);
  const corrections = components.flatMap(({ free }, index) => {
    if (free) return [];
    const value = (determined.get(index) as BigUint64Array).slice();
    const others = sumOf(shares.slice(0, -1), index, request);
    if (isWide(request)) add128Into(value, others, { subtract: true });
    else if (isBoolean(request, index))
      for (let i = 0; i < value.length; i += 1) value[i] = (value[i] as bigint) ^ (others[i] as bigint);
    else
      for (let i = 0; i < value.length; i += 1)
        value[i] = BigInt.asUintN(64, (value[i] as bigint) - (others[i] as bigint));
    return [value];
  });
  const out = new Uint8Array(corrections.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let offset = 0;
  for (const { buffer, byteLength } of corrections) {
    out.set(new Uint8Array(buffer), offset);
    offset += byteLength;
  }
  return out;
}

function parseRequest(message: Uint8Array): { text: string; request: PreprocessingRequest } {
  const text = new TextDecoder().decode(message);
  const request = JSON.parse(text) as PreprocessingRequest;
  const sizes = componentsOf(request).map(({ length }) => length);
  if (!sizes.every((length) => Number.isSafeInteger(length) && length >= 0 && length <= 2 ** 28)) {
    throw new MpcError('mpc/malformed-message', 'a request to the dealer has impossible sizes');
  }
  return { text, request };
}

/**
 * Runs the dealer until every party has said goodbye.
 * @param channel - the dealer's endpoint, number `parties`.
 * @throws {MpcError} `mpc/parameters-differ` when the parties ask for different things: they run different programs.
 */
export async function runDealer(channel: PartyChannel, rng: Rng): Promise<void> {
  const parties = channel.endpoint;
  const seeds = Array.from({ length: parties }, () => rng.bytes(SEED_BYTES));
  await Promise.all(seeds.map((seed, party) => channel.send(party, seed)));
  const weights = new Map<string, BigUint64Array>();
  for (let count = 0; ; count += 1) {
    const messages: Uint8Array[] = [];
    for (let party = 0; party < parties; party += 1) messages.push(await channel.receive(party));
    const texts = messages.map((message) => new TextDecoder().decode(message));
    if (texts.some((text) => text !== texts[0])) {
      throw new MpcError('mpc/parameters-differ', 'the parties ask the dealer for different things');
    }
    if (texts[0] === new TextDecoder().decode(GOODBYE)) return;
    const { request } = parseRequest(messages[0] as Uint8Array);
    const shares = seeds.map((seed, party) => expand(seed, request, count, party < parties - 1));
    const correction = correct(request, shares, weights);
    if (correction.length > 0) await channel.send(parties - 1, correction);
    if (request.kind === 'macInput') {
      const mask = sumOf(shares, 0, request);
      await channel.send(request.owner, new Uint8Array(mask.buffer));
    }
  }
}

/** The preprocessing of a party that has a dealer. */
export interface DealerPreprocessing extends Preprocessing {
  /** Tells the dealer that the session is over. */
  finish(): Promise<void>;
}

/**
 * Connects a party with the dealer at endpoint `dealerEndpoint` of its channel.
 * @param options - `dealer`: its name, which becomes part of every output.
 */
export async function connectDealer(
  channel: PartyChannel,
  { dealer, parties }: { readonly dealer: string; readonly parties: number },
): Promise<DealerPreprocessing> {
  const seed = await channel.receive(parties);
  if (seed.length !== SEED_BYTES) throw new MpcError('mpc/malformed-message', 'the dealer did not send a seed');
  let count = 0;
  let bytes = seed.length;
  const last = channel.endpoint === parties - 1;
  async function receiveCorrection(request: PreprocessingRequest, own: readonly BigUint64Array[]): Promise<void> {
    const wanted = componentsOf(request).reduce((sum, { length, free }) => sum + (free ? 0 : length * 8), 0);
    if (wanted === 0) return;
    const correction = await channel.receive(parties);
    bytes += correction.length;
    if (correction.length !== wanted)
      throw new MpcError('mpc/malformed-message', 'the dealer sent a correction of another length');
    let at = 0;
    componentsOf(request).forEach(({ free }, index) => {
      if (free) return;
      const words = own[index] as BigUint64Array;
      new Uint8Array(words.buffer).set(correction.subarray(at, at + words.byteLength));
      at += words.byteLength;
    });
  }
  return {
    statement: `correlated randomness dealt by ${dealer}: semi-honest, colluding with no party`,
    supports: () => true,
    bytes: () => bytes,
    async request(request): Promise<Correlation> {
      const message = utf8(JSON.stringify(request));
      const own = expand(seed, request, count, !last);
      count += 1;
      bytes += message.length;
      await channel.send(parties, message);
      if (last) await receiveCorrection(request, own);
      if (request.kind !== 'macInput' || request.owner !== channel.endpoint) return own;
      const mask = await channel.receive(parties);
      bytes += mask.length;
      if (mask.length !== 16 * request.count)
        throw new MpcError('mpc/malformed-message', 'the dealer sent a mask of another length');
      return [...own, new BigUint64Array(mask.slice().buffer)];
    },
    finish: () => channel.send(parties, GOODBYE),
  };
}
