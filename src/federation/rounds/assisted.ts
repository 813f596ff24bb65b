/**
 * Sums that need parties beside the coordinator: one message a participant, then one question to each assistant. The
 * coordinator keeps sealed shares or ciphertexts until the stage closes, and never anything it can read.
 *
 * @module
 */

import {
  createEncryptedGathering,
  encodeRequest,
  joinAnswers,
  readOpenedSum,
  readShares,
  type SharedSum,
  type SumEncryption,
} from '../assistants/index.ts';
import type { MessageAddress } from '../wire/index.ts';
import type { Aggregator } from './aggregator.ts';
import { RoundsError } from './errors.ts';

/** How messages become requests, and answers a sum. */
interface Gathering {
  receive(from: string, payload: Uint8Array): void;
  requests(contributors: readonly string[]): ReadonlyMap<string, Uint8Array>;
  /** @param answers - in the order of the requests. */
  sum(answers: readonly Uint8Array[]): Float64Array;
}

/** The stage in which assistants are asked and no participant is. */
export const ASSISTANTS_STAGE = 'assistants';

/** Whom an attempt is among. */
export interface AssistedAttempt {
  readonly address: MessageAddress;
  readonly cohort: readonly string[];
  /** Fewest contributors of a sum. */
  readonly threshold: number;
}

function createAssistedAggregator(gathering: Gathering, { cohort, threshold }: AssistedAttempt): Aggregator {
  const missing = new Set(cohort);
  const contributors: string[] = [];
  let asked: readonly string[] | undefined;
  const answers = new Map<string, Uint8Array>();
  return {
    get stage() {
      return asked === undefined ? 'input' : ASSISTANTS_STAGE;
    },
    get pending() {
      return asked === undefined ? [...missing] : asked.filter((name) => !answers.has(name));
    },
    receive(from, payload) {
      if (asked !== undefined || !missing.has(from)) {
        throw new RoundsError('rounds/unexpected-message', 'no contribution is awaited from this participant', {
          details: { participants: [from] },
        });
      }
      gathering.receive(from, payload);
      missing.delete(from);
      contributors.push(from);
    },
    answer(assistant, payload) {
      if (asked?.includes(assistant) !== true || answers.has(assistant)) {
        throw new RoundsError('rounds/unexpected-message', `${assistant} was not asked`, {
          details: { participants: [assistant] },
        });
      }
      answers.set(assistant, payload);
    },
    advance() {
      if (asked === undefined) {
        if (contributors.length < threshold) {
          throw new RoundsError(
            'rounds/aborted',
            `${contributors.length} contributions have come, the round needs ${threshold}`,
            { details: { participants: [...missing], threshold } },
          );
        }
        const requests = gathering.requests(contributors);
        asked = [...requests.keys()];
        return { kind: 'ask', requests };
      }
      const silent = asked.filter((name) => !answers.has(name));
      if (silent.length > 0) {
        throw new RoundsError('rounds/aborted', `${silent.join(', ')} did not answer`, {
          details: { participants: silent },
        });
      }
      const sum = gathering.sum(asked.map((name) => answers.get(name) as Uint8Array));
      return { kind: 'result', sum, contributors, dropouts: [...missing] };
    },
  };
}

/** Creates the aggregator of a sum by aggregation servers. */
export function createSharesAggregator(
  { sum, roster }: { readonly sum: SharedSum; readonly roster: ReadonlyMap<string, Uint8Array> },
  attempt: AssistedAttempt,
): Aggregator {
  const shares = new Map<string, readonly Uint8Array[]>();
  const { address } = attempt;
  return createAssistedAggregator(
    {
      receive: (from, payload) => void shares.set(from, readShares(payload, { sum, address, from, roster })),
      requests: (contributors) =>
        new Map(
          sum.servers.map(({ name }, server) => [
            name,
            encodeRequest({
              assistant: name,
              ...address,
              planDigest: sum.planDigest,
              contributions: contributors.map((from) => [from, shares.get(from)?.[server] ?? new Uint8Array()]),
              claim: new Uint8Array(),
            }),
          ]),
        ),
      sum: (answers) => joinAnswers(answers, sum),
    },
    attempt,
  );
}

/** Creates the aggregator of a sum under encryption. @param options - `holder`: name of the key holder. */
export function createEncryptedSumAggregator(
  {
    encryption,
    roster,
    holder,
  }: {
    readonly encryption: SumEncryption;
    readonly roster: ReadonlyMap<string, Uint8Array>;
    readonly holder: string;
  },
  attempt: AssistedAttempt,
): Aggregator {
  const { address } = attempt;
  const gathering = createEncryptedGathering({ encryption, roster, address });
  return createAssistedAggregator(
    {
      receive: (from, payload) => gathering.receive(from, payload),
      requests() {
        const { contributions, sum: claim } = gathering.close();
        const { planDigest } = encryption.sum;
        return new Map([[holder, encodeRequest({ assistant: holder, ...address, planDigest, contributions, claim })]]);
      },
      sum: ([answer]) => readOpenedSum(answer as Uint8Array, encryption.sum),
    },
    attempt,
  );
}
