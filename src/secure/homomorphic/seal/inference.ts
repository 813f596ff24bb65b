/**
 * Inference on encrypted input: a linear model or one hidden layer with a polynomial activation, evaluated by whoever
 * owns the model on ciphertexts whose key never leaves the one who asks.
 *
 * @module
 */

import { assertInteger } from '../../../foundations/numerics/index.ts';
import { HomomorphicError } from '../errors.ts';
import { evaluateActivation, foldActivation, type PolynomialActivation } from './activation.ts';
import {
  assertVector,
  createCkksMachine,
  createEvaluationKeys,
  decryptSlots,
  encryptSlots,
  type EvaluationKeys,
  multiplyByDiagonals,
} from './compute.ts';
import {
  type DenseWeights,
  layOutFirst,
  layOutNext,
  type LayerLayout,
  placeBias,
  placeInput,
  placeWeights,
} from './layers.ts';
import { type SealCipherText, type SealLibrary, using } from './library.ts';
import type { SealKeyBytes, SealVector } from './ring.ts';

/** The architecture, which both sides know. */
export interface EncryptedModelShape {
  readonly inputs: number;
  readonly outputs: number;
  readonly hidden?: { readonly units: number; readonly activation: PolynomialActivation };
  readonly library?: SealLibrary;
}

/** The keys of one who asks. */
export interface InferenceKeys {
  readonly publicKey: SealKeyBytes<'ckks'>;
  readonly secretKey: SealKeyBytes<'ckks'>;
  /** For the model's owner. */
  readonly evaluationKeys: EvaluationKeys;
}

/** A model that answers encrypted questions. */
export interface EncryptedModel {
  /** @throws {HomomorphicError} `wrong-key`, `mixed-contexts` when question and keys do not belong together. */
  evaluate(query: SealVector<'ckks'>, keys: EvaluationKeys): SealVector<'ckks'>;
}

/** Both sides of inference on ciphertexts. */
export interface EncryptedInference {
  readonly description: string;
  /** Rotations an answer takes. */
  readonly rotations: number;
  createKeys(): InferenceKeys;
  encrypt(input: ArrayLike<number>, publicKey: SealKeyBytes<'ckks'>): SealVector<'ckks'>;
  /** Loads a model: one layer, or two around the hidden units. */
  prepare(layers: readonly DenseWeights[]): EncryptedModel;
  /** Returns the scores, on a grid of 2^−12. */
  decrypt(answer: SealVector<'ckks'>, secretKey: SealKeyBytes<'ckks'>): Float64Array;
  close(): void;
}

/**
 * Creates both sides for an architecture.
 * Guarantee: the owner of the model learns nothing of the input (CKKS at 128 bits). The one who asks learns the scores,
 * and can learn of the model what scores tell, and what the noise of the answer may (no circuit privacy).
 * @throws {HomomorphicError} `library-missing`; `no-parameters` when the layers do not fit 8192 slots.
 */
export async function createEncryptedInference({
  inputs,
  outputs,
  hidden,
  library,
}: EncryptedModelShape): Promise<EncryptedInference> {
  assertInteger(inputs, 'inputs', { min: 1, max: 8192 });
  assertInteger(outputs, 'outputs', { min: 1, max: 1024 });
  const folded = hidden && foldActivation(hidden.activation);
  const depth = folded === undefined ? 1 : folded.offset === undefined ? 3 : 4;
  const width = 2 ** Math.ceil(Math.log2(Math.max(inputs, hidden?.units ?? outputs)));
  const machine = await createCkksMachine({
    depth,
    scaleBits: depth === 1 ? 40 : depth === 3 ? 38 : 33,
    integerBits: depth === 4 ? 9 : 12,
    slots: Math.max(2048, width),
    ...(library && { library }),
  });
  const { ring } = machine;
  const { slots, choice } = ring;
  const first = layOutFirst({ inputs, outputs: hidden?.units ?? outputs }, slots);
  const second = hidden && layOutNext({ outputs }, first.rows);
  if (second !== undefined && outputs > first.rows) {
    throw new HomomorphicError(
      'homomorphic/no-parameters',
      'a hidden layer must have at least as many units as there are outputs',
    );
  }
  const stepsOf = ({ diagonals, sums }: LayerLayout) => [
    ...Array.from({ length: diagonals - 1 }, (_, k) => k + 1),
    ...sums,
  ];
  const steps = [...new Set([...stepsOf(first), ...(second ? stepsOf(second) : [])])].sort((a, b) => a - b);

  function prepareLayer(layer: DenseWeights, layout: LayerLayout) {
    if (layer.weights.length !== layer.inputs * layer.outputs || layer.bias.length !== layer.outputs) {
      throw new HomomorphicError(
        'homomorphic/mixed-contexts',
        `a layer of ${layer.inputs}×${layer.outputs} has ${layer.weights.length} weights`,
      );
    }
    const diagonals = placeWeights(layer, layout, slots);
    const bias = placeBias(layer.bias, layout, slots);
    return (cipher: SealCipherText, keys: EvaluationKeys) => {
      multiplyByDiagonals(machine, cipher, { diagonals, sums: layout.sums }, keys);
      machine.addPlain(cipher, bias);
    };
  }

  return {
    description: `CKKS N=${choice.degree}, q ${choice.modulusBits.join('+')} bits, ${depth} level${depth > 1 ? 's' : ''}, 128 bits of security`,
    rotations: [first, ...(second ? [second] : [])].reduce(
      (sum, { diagonals, sums }) => sum + diagonals - 1 + sums.length,
      0,
    ),
    createKeys() {
      const pair = ring.generateKeys();
      return { ...pair, evaluationKeys: createEvaluationKeys(machine, pair, { steps, products: depth > 1 }) };
    },
    encrypt(input, publicKey) {
      if (input.length !== inputs)
        throw new HomomorphicError('homomorphic/mixed-contexts', `${inputs} inputs are needed, got ${input.length}`);
      return { ...encryptSlots(machine, placeInput(input, first, slots), publicKey), entries: inputs };
    },
    prepare(layers) {
      const [one, two] = layers;
      if (
        one === undefined ||
        layers.length !== (hidden ? 2 : 1) ||
        one.inputs !== inputs ||
        (two ?? one).outputs !== outputs
      ) {
        throw new HomomorphicError('homomorphic/mixed-contexts', 'the layers are not those of the architecture');
      }
      if (folded === undefined || two === undefined || second === undefined) {
        const run = prepareLayer(one, first);
        return { evaluate: (query, keys) => answer(query, keys, (cipher) => run(cipher, keys)) };
      }
      const scaled = {
        ...one,
        weights: Float64Array.from(one.weights, (w) => w * folded.scale),
        bias: Float64Array.from(one.bias, (b) => b * folded.scale + folded.shift),
      };
      const signed = {
        ...two,
        weights: Float64Array.from(two.weights, (w) => w * folded.sign),
        bias: Float64Array.from(two.bias, (b, row) => {
          let sum = 0;
          for (let i = 0; i < two.inputs; i += 1) sum += two.weights[row * two.inputs + i] as number;
          return b + folded.constant * sum;
        }),
      };
      const runFirst = prepareLayer(scaled, first);
      const runSecond = prepareLayer(signed, second);
      return {
        evaluate: (query, keys) =>
          answer(query, keys, (cipher) => {
            runFirst(cipher, keys);
            if (folded.offset === undefined) machine.square(cipher, keys);
            else {
              using([cipher.clone()], (u) => {
                machine.square(cipher, keys);
                machine.addPlain(cipher, new Float64Array(slots).fill(folded.offset as number));
                machine.multiply(cipher, u, keys);
              });
            }
            runSecond(cipher, keys);
          }),
      };
    },
    decrypt(vector, secretKey) {
      return decryptSlots(machine, { ...vector, entries: outputs }, secretKey);
    },
    close: () => ring.close(),
  };

  function answer(
    query: SealVector<'ckks'>,
    keys: EvaluationKeys,
    body: (cipher: SealCipherText) => void,
  ): SealVector<'ckks'> {
    assertVector(ring, query);
    if (query.keyId !== keys.keyId)
      throw new HomomorphicError('homomorphic/wrong-key', 'question and evaluation keys belong to different keys');
    return using([ring.load(query.chunks[0] as Uint8Array)], (cipher) => {
      body(cipher);
      return { ...query, entries: outputs, chunks: [ring.save(cipher)] };
    });
  }
}

/** The same model in the clear, for comparison. */
export function evaluateInClear(
  layers: readonly DenseWeights[],
  input: ArrayLike<number>,
  activation?: PolynomialActivation,
): Float64Array {
  let values = Float64Array.from(input);
  layers.forEach(({ inputs, outputs, weights, bias }, index) => {
    const current = values;
    values = Float64Array.from({ length: outputs }, (_, row) => {
      let sum = bias[row] as number;
      for (let i = 0; i < inputs; i += 1) sum += (weights[row * inputs + i] as number) * (current[i] as number);
      return index + 1 < layers.length && activation ? evaluateActivation(activation, sum) : sum;
    });
  });
  return values;
}
