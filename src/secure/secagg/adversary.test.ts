import { describe, expect, it } from 'vitest';

import { createIdentities, memberIds, runRound, type RoundScript } from '../../../test/support/secagg-round.ts';
import { createSigningKey } from '../../foundations/crypto/index.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import {
  createSecAggAggregator,
  createSecAggMemory,
  createSecAggParticipant,
  createSecAggSetup,
  describeAdversary,
  issueCertificate,
  restoreSecAggSetup,
  type SecAggConfig,
  type SecAggErrorCode,
  type SecAggParticipant,
  type SecAggPolicy,
} from './index.ts';
import { FRAME_BYTES } from './messages.ts';

const rng = createSeededRng('adversaries');
const ids = memberIds(5);
const { identities, admission } = createIdentities(ids, rng);

function config(options: Partial<SecAggConfig> = {}): SecAggConfig {
  return {
    taskId: 'adversaries',
    round: 3,
    attempt: 0,
    bitWidth: 20,
    entries: 4,
    threshold: 4,
    maxCorrupt: 2,
    configDigest: new Uint8Array(32).fill(1),
    adversary: 'malicious-coordinator',
    ...options,
  };
}

function inputsOf(members: readonly string[], entries = 4): ReadonlyMap<string, Uint32Array> {
  return new Map(members.map((id, i) => [id, Uint32Array.from({ length: entries }, (_, j) => 10 * i + j + 1)]));
}

function script(options: Partial<RoundScript> = {}): RoundScript {
  return { config: config(), inputs: inputsOf(ids), rng, identities, policy: { admission }, ...options };
}

/** Expects the round to be refused for the named reason. */
function assertRefused(code: SecAggErrorCode, run: () => unknown): void {
  expect(run).toThrow(expect.objectContaining({ name: 'SecAggError', code }));
}

/** Changes messages of one kind on their way to one member (or to all). */
function tamper(
  kind: number,
  change: (message: Uint8Array, body: number) => void,
  to?: string,
): NonNullable<RoundScript['wire']> {
  return ({ to: receiver, message }) => {
    if (message[1] !== kind || (to !== undefined && receiver !== to)) return message;
    const changed = message.slice();
    change(changed, FRAME_BYTES);
    return changed;
  };
}

const ROSTER = 18;
const ROUTED = 19;
const SURVIVORS = 20;
const SIGNATURES = 21;

/** Steps all members to the message that opens a stage, and returns both. */
function stepTo(stage: string, options: Partial<SecAggConfig> = {}, policy: SecAggPolicy = { admission }) {
  const settings = config(options);
  const aggregator = createSecAggAggregator({ cohort: ids, config: settings, admission });
  const members = new Map<string, SecAggParticipant>();
  for (const [id, input] of inputsOf(ids)) {
    const member = createSecAggParticipant({
      id,
      config: settings,
      rng: rng.fork(id),
      policy,
      ...(identities.get(id) === undefined ? {} : { identity: identities.get(id) as never }),
    });
    member.setInput(input);
    members.set(id, member);
    aggregator.receive(id, member.start());
  }
  for (;;) {
    const step = aggregator.advance();
    if (step.kind === 'result') throw new Error('the round is over');
    if (step.stage === stage) return { aggregator, members, messages: step.messages };
    for (const [id, message] of step.messages) {
      aggregator.receive(id, (members.get(id) as SecAggParticipant).handle(message) as Uint8Array);
    }
  }
}

describe('inconsistent survivor sets', () => {
  it('refuses a request that names a peer alive and dead', () => {
    for (const adversary of ['malicious-coordinator', 'honest-but-curious'] as const) {
      const wire = tamper(SURVIVORS, (message, body) => {
        message[body + 1] = (message[body + 1] as number) | 0b10;
      });
      assertRefused('secagg/peer-alive-and-dead', () => runRound(script({ config: config({ adversary }), wire })));
    }
  });

  it('refuses split survivor sets: signatures on another set do not count', () => {
    const lostIn = new Map([['p0004', 'maskedInput' as const]]);
    const wire = tamper(
      SURVIVORS,
      (message, body) => {
        // One member is told that p0004 is alive, the others that it is lost.
        message[body] = (message[body] as number) | 0b10000;
        message[body + 1] = (message[body + 1] as number) & ~0b10000;
      },
      'p0000',
    );
    // The honest aggregator notices that p0000 vouches for another set; a malicious one would let it pass, but then
    // the others do not reach the threshold.
    assertRefused('secagg/bad-signature', () => runRound(script({ lostIn, wire })));
    const { members, messages } = stepTo('consistency');
    const [first] = ids as [string];
    const split = (messages.get(first) as Uint8Array).slice();
    split[FRAME_BYTES] = 0b01111;
    split[FRAME_BYTES + 1] = 0b10000;
    const honest = [...members].map(
      ([id, member]) =>
        [id, member.handle(id === first ? split : (messages.get(id) as Uint8Array)) as Uint8Array] as const,
    );
    const body = new Uint8Array(FRAME_BYTES + 4 + 68 * 4);
    body.set(honest[0]?.[1].subarray(0, FRAME_BYTES) as Uint8Array);
    body[1] = SIGNATURES;
    new DataView(body.buffer).setUint32(FRAME_BYTES, 4, true);
    honest.slice(1).forEach(([, vouch], i) => {
      new DataView(body.buffer).setUint32(FRAME_BYTES + 4 + 68 * i, i + 1, true);
      body.set(vouch.subarray(FRAME_BYTES), FRAME_BYTES + 8 + 68 * i);
    });
    assertRefused('secagg/no-consistency', () => (members.get(first) as SecAggParticipant).handle(body));
  });

  it('refuses a survivor set without itself, without a neighbour, or with a stranger', () => {
    const without = (bit: number) =>
      tamper(SURVIVORS, (message, body) => {
        message[body] = (message[body] as number) & ~bit;
      });
    assertRefused('secagg/inconsistent-survivors', () => runRound(script({ wire: without(0b1) })));
    assertRefused('secagg/inconsistent-survivors', () => runRound(script({ wire: without(0b100) })));
    const lostIn = new Map([['p0003', 'shareKeys' as const]]);
    const stranger = tamper(SURVIVORS, (message, body) => {
      message[body] = (message[body] as number) | 0b1000;
    });
    assertRefused('secagg/inconsistent-survivors', () => runRound(script({ lostIn, wire: stranger })));
  });

  it('answers one unmask request a round, ever', () => {
    const { members, messages } = stepTo('unmask');
    const [id, message] = [...messages][0] as [string, Uint8Array];
    const member = members.get(id) as SecAggParticipant;
    expect(member.handle(message)).toBeInstanceOf(Uint8Array);
    expect(member.awaits).toBe('done');
    assertRefused('secagg/already-answered', () => member.handle(message));
    expect(member.awaits).toBe('done');
  });

  it('does not count one signature twice', () => {
    const wire = tamper(SIGNATURES, (message, body) => {
      const first = message.slice(body + 4, body + 72);
      for (let at = body + 72; at < message.length; at += 68) message.set(first, at);
    });
    assertRefused('secagg/no-consistency', () => runRound(script({ wire })));
  });
});

describe('invented members and substituted keys', () => {
  it('refuses keys that a neighbour did not sign', () => {
    const wire = tamper(
      ROSTER,
      (message) => {
        // Somewhere in the mask key of the last member.
        message[message.length - 70] = (message[message.length - 70] as number) ^ 1;
      },
      'p0001',
    );
    assertRefused('secagg/bad-signature', () => runRound(script({ wire })));
  });

  it('refuses a roster with other keys for itself, or without itself', () => {
    const wire = tamper(
      ROSTER,
      (message) => {
        message[message.length - 10] = (message[message.length - 10] as number) ^ 1;
      },
      'p0004',
    );
    assertRefused('secagg/key-substituted', () =>
      runRound(script({ config: config({ adversary: 'honest-but-curious' }), wire })),
    );
    const { members, messages } = stepTo('shareKeys');
    const renamed = (messages.get('p0004') as Uint8Array).slice();
    const at = Buffer.from(renamed).lastIndexOf('p0004');
    renamed[at + 4] = '5'.charCodeAt(0);
    assertRefused('secagg/bad-roster', () => (members.get('p0004') as SecAggParticipant).handle(renamed));
  });

  it('refuses members that are not pinned, and keys that another member has', () => {
    const stranger = createIdentities(['p0009'], rng);
    const cohort = [...ids, 'p0009'];
    const all = new Map([...identities, ...stranger.identities]);
    assertRefused('secagg/bad-signature', () =>
      runRound(script({ config: config({ threshold: 5 }), inputs: inputsOf(cohort), identities: all })),
    );
    const { members, aggregator } = stepTo('shareKeys');
    expect(members.size).toBe(5);
    expect(aggregator.pending.length).toBe(5);
    const settings = config({ adversary: 'honest-but-curious', threshold: 4 });
    const twin = createSecAggAggregator({ cohort: ids, config: settings });
    const make = (id: string) => createSecAggParticipant({ id, config: settings, rng: createSeededRng('twin') });
    twin.receive('p0000', make('p0000').start());
    assertRefused('secagg/bad-roster', () => twin.receive('p0001', make('p0001').start()));
  });

  it('admits members certified by an authority that is not the coordinator, and no others', () => {
    const authority = createSigningKey(rng.bytes(32));
    const certified: SecAggPolicy = {
      admission: { kind: 'authority', authorityKey: authority.publicKey, scope: 'hospitals' },
    };
    const certify = (scope: string) =>
      new Map(
        ids.map((id) => {
          const signingKey = createSigningKey(rng.bytes(32));
          const certificate = issueCertificate(authority, { scope, id, identityKey: signingKey.publicKey });
          return [id, { signingKey, certificate }];
        }),
      );
    const { result } = runRound(script({ identities: certify('hospitals'), policy: certified }));
    expect(result.adversary).toBe('malicious coordinator');
    assertRefused('secagg/bad-signature', () =>
      runRound(script({ identities: certify('elsewhere'), policy: certified })),
    );
    assertRefused('secagg/bad-signature', () => runRound(script({ policy: certified })));
  });

  it('says so when the coordinator itself admits members', () => {
    const { result, participants } = runRound(script({ policy: { admission: { kind: 'coordinator' } } }));
    expect(result.adversary).toBe('honest-but-curious coordinator');
    expect((participants.get('p0000') as SecAggParticipant).adversary).toBe('honest-but-curious coordinator');
    expect(describeAdversary({ adversary: 'honest-but-curious' }, admission)).toBe('honest-but-curious coordinator');
    assertRefused('secagg/policy-refused', () =>
      runRound(script({ policy: { admission: { kind: 'coordinator' }, requireMaliciousSecurity: true } })),
    );
  });

  it('refuses changed keys in a later round of a task', () => {
    const setups = new Map(ids.map((id) => [id, createSecAggSetup({ taskId: 'adversaries', rng })]));
    const task = { setup: 'task' } as const;
    runRound(script({ config: config({ ...task, round: 1 }), setups }));
    setups.set('p0002', createSecAggSetup({ taskId: 'adversaries', rng }));
    assertRefused('secagg/key-substituted', () => runRound(script({ config: config({ ...task, round: 2 }), setups })));
  });
});

describe('floors of the participant', () => {
  it.each([
    ['minCohort', { minCohort: 6 }],
    ['minSurvivors', { minSurvivors: 6 }],
    ['threshold', { minThreshold: 5 }],
    ['minNeighbors', { minNeighbors: 5 }],
    ['maxCorrupt', { minCorruptTolerated: 3 }],
    ['noise', { minNoiseVariance: 1 }],
    ['keyAgreement', { requireHybrid: true }],
  ] as const)('refuses a round below %s', (field, floor) => {
    expect(() => runRound(script({ policy: { admission, ...floor } }))).toThrow(
      expect.objectContaining({ code: 'secagg/policy-refused', details: { field } }),
    );
  });

  it('counts towards the noise floor only what honest verified survivors leave in the sum', () => {
    const noisy = config({ noise: { mechanism: 'skellam', shareVariance: 10 } });
    // Five survive and four shares stay, one is opened; of the four, two may be corrupt: two of variance 10 count.
    const { result } = runRound(script({ config: noisy, policy: { admission, minNoiseVariance: 20 } }));
    expect(result.noiseShares).toBe(4);
    assertRefused('secagg/policy-refused', () =>
      runRound(script({ config: noisy, policy: { admission, minNoiseVariance: 21 } })),
    );
  });

  it('refuses a threshold at which the coordinator and its friends could open both shares', () => {
    assertRefused('secagg/unsafe-parameters', () => runRound(script({ config: config({ threshold: 3 }) })));
    assertRefused('secagg/unsafe-parameters', () => runRound(script({ config: config({ maxCorrupt: 3 }) })));
  });

  it('refuses a sum that differs from the last one by a single member', () => {
    const memory = createSecAggMemory({
      adversaries: { round: 2, attempt: 0, finished: true, aborts: 0, contributors: ids },
    });
    const { members, messages } = stepTo('consistency');
    expect(members.size).toBe(5);
    const wary = createSecAggParticipant({
      id: 'p0000',
      config: config({ adversary: 'honest-but-curious' }),
      rng: rng.fork('wary'),
      policy: { admission, minDifference: 3 },
      memory,
    });
    expect(messages.size).toBe(5);
    // Round 3 without p0004, after a round with all five.
    const settings = config({ adversary: 'honest-but-curious' });
    const aggregator = createSecAggAggregator({ cohort: ids, config: settings });
    const others = new Map<string, SecAggParticipant>([['p0000', wary]]);
    for (const id of ids.slice(1)) {
      others.set(id, createSecAggParticipant({ id, config: settings, rng: rng.fork(id) }));
    }
    for (const [id, member] of others) {
      member.setInput(new Uint32Array(4));
      aggregator.receive(id, member.start());
    }
    for (let stage = 0; stage < 2; stage += 1) {
      const step = aggregator.advance();
      for (const [id, message] of step.kind === 'messages' ? step.messages : []) {
        if (stage === 1 && id === 'p0004') continue;
        aggregator.receive(id, (others.get(id) as SecAggParticipant).handle(message) as Uint8Array);
      }
    }
    const step = aggregator.advance();
    const request = step.kind === 'messages' ? step.messages.get('p0000') : undefined;
    assertRefused('secagg/policy-refused', () => wary.handle(request as Uint8Array));
    expect(wary.awaits).toBe('aborted');
  });

  it('refuses a layout that singles a coordinate out', () => {
    const inputs = new Map([...inputsOf(ids), ['p0002', Uint32Array.of(0, 7, 0, 0)] as const]);
    assertRefused('secagg/sparse-input', () => runRound(script({ inputs, policy: { admission, minSupport: 2 } })));
  });
});

describe('replay, rollback and reuse', () => {
  it('refuses a round or attempt at or below its high-water mark', () => {
    const memory = createSecAggMemory();
    const begin = (round: number, attempt: number) =>
      createSecAggParticipant({
        id: 'p0000',
        config: config({ adversary: 'honest-but-curious', round, attempt }),
        rng: rng.fork('mark'),
        memory,
      }).start();
    begin(3, 1);
    for (const [round, attempt] of [
      [3, 1],
      [3, 0],
      [2, 9],
    ] as const) {
      assertRefused('secagg/replayed-round', () => begin(round, attempt));
    }
    begin(3, 2);
    begin(4, 0);
  });

  it('keeps the mark across a restart of a task setup, so that no second input meets one mask', () => {
    const setup = createSecAggSetup({ taskId: 'adversaries', rng });
    const begin = (restored: typeof setup) =>
      createSecAggParticipant({
        id: 'p0000',
        config: config({ adversary: 'honest-but-curious', setup: 'task' }),
        rng: rng.fork('restored'),
        setup: restored,
      }).start();
    begin(setup);
    assertRefused('secagg/replayed-round', () => begin(restoreSecAggSetup(setup.serialize())));
  });

  it('refuses messages of another round without leaving this one, and takes an input once', () => {
    const { messages } = stepTo('shareKeys', { round: 2 });
    const { members } = stepTo('shareKeys');
    const member = members.get('p0000') as SecAggParticipant;
    assertRefused('secagg/replayed-message', () => member.handle(messages.get('p0000') as Uint8Array));
    assertRefused('secagg/input', () => member.setInput(new Uint32Array(4)));
    expect(member.awaits).toBe('shareKeys');
  });

  it('spends the abort budget on attempts that were begun and not finished', () => {
    const memory = createSecAggMemory();
    const begin = (attempt: number) =>
      createSecAggParticipant({
        id: 'p0000',
        config: config({ adversary: 'honest-but-curious', attempt }),
        rng: rng.fork('budget'),
        memory,
        policy: { admission, abortBudget: 2 },
      }).start();
    begin(0);
    begin(1);
    begin(2);
    assertRefused('secagg/abort-budget-spent', () => begin(3));
  });

  it('refuses a second message, a stranger, a late one and one of another stage', () => {
    const { aggregator, members, messages } = stepTo('shareKeys');
    const answer = (members.get('p0000') as SecAggParticipant).handle(
      messages.get('p0000') as Uint8Array,
    ) as Uint8Array;
    aggregator.receive('p0000', answer);
    assertRefused('secagg/duplicate-message', () => aggregator.receive('p0000', answer));
    assertRefused('secagg/unknown-participant', () => aggregator.receive('nobody', answer));
    assertRefused('secagg/malformed-message', () => aggregator.receive('p0001', answer.subarray(0, answer.length - 1)));
    const wrong = answer.slice();
    wrong[1] = 4;
    assertRefused('secagg/unexpected-message', () => aggregator.receive('p0001', wrong));
    wrong[0] = 9;
    assertRefused('secagg/version-mismatch', () => aggregator.receive('p0001', wrong));
    expect(aggregator.pending).toEqual(['p0001', 'p0002', 'p0003', 'p0004']);
    for (const id of ids.slice(1, 4)) {
      aggregator.receive(
        id,
        (members.get(id) as SecAggParticipant).handle(messages.get(id) as Uint8Array) as Uint8Array,
      );
    }
    aggregator.advance();
    assertRefused('secagg/unknown-participant', () => aggregator.receive('p0004', answer));
  });
});

describe('differing views', () => {
  it('refuses another model, plan or code at key advertisement, on both sides', () => {
    const other = config({ configDigest: new Uint8Array(32).fill(2) });
    const identity = identities.get('p0000');
    const member = createSecAggParticipant({
      id: 'p0000',
      config: other,
      rng: rng.fork('other'),
      policy: { admission },
      ...(identity === undefined ? {} : { identity }),
    });
    const advertisement = member.start();
    const aggregator = createSecAggAggregator({ cohort: ids, config: config(), admission });
    assertRefused('secagg/config-mismatch', () => aggregator.receive('p0000', advertisement));
    const { messages } = stepTo('shareKeys');
    assertRefused('secagg/config-mismatch', () => member.handle(messages.get('p0000') as Uint8Array));
    expect(member.awaits).toBe('aborted');
  });

  it('refuses shares that were altered, or sealed for another view', () => {
    const wire = tamper(ROUTED, (message) => {
      message[message.length - 1] = (message[message.length - 1] as number) ^ 1;
    });
    assertRefused('secagg/tampered-share', () => runRound(script({ wire })));
  });

  it('discards a sum whose count does not fit', () => {
    const wire: RoundScript['wire'] = ({ from, message }) => {
      if (from !== 'p0001' || message[1] !== 4) return message;
      const changed = message.slice();
      // Inside the count entry: the vector has 4 entries of 20 bits before it.
      changed[FRAME_BYTES + 10] = (changed[FRAME_BYTES + 10] as number) ^ 1;
      return changed;
    };
    assertRefused('secagg/wrong-count', () => runRound(script({ wire })));
  });

  it('names the member whose shares do not give what it advertised', () => {
    const lostIn = new Map([['p0003', 'maskedInput' as const]]);
    const wire: RoundScript['wire'] = ({ from, message }) => {
      if (from !== 'p0000' || message[1] !== 6) return message;
      const changed = message.slice();
      changed[FRAME_BYTES + 32 * 3] = (changed[FRAME_BYTES + 32 * 3] as number) ^ 1;
      return changed;
    };
    expect(() => runRound(script({ lostIn, wire }))).toThrow(
      expect.objectContaining({ code: 'secagg/bad-shares', details: { participants: ['p0003'] } }),
    );
  });
});

describe('the ring and the inputs', () => {
  it('refuses a ring that the whole cohort could overflow', () => {
    // Five times 2^17 needs 21 bits, though four neighbours would fit 20.
    assertRefused('secagg/ring-overflow', () => runRound(script({ config: config({ maxMagnitude: 2 ** 17 }) })));
    expect(() => runRound(script({ config: config({ maxMagnitude: 2 ** 16 }) }))).not.toThrow();
    assertRefused('secagg/ring-overflow', () =>
      runRound(script({ config: config({ maxMagnitude: 2 ** 16, weights: { max: 8, of: {} } }) })),
    );
  });

  it('refuses an input beyond the declared magnitude, a missing one and a missing weight', () => {
    assertRefused('secagg/input', () => runRound(script({ config: config({ maxMagnitude: 40 }) })));
    const { members, messages } = stepTo('maskedInput', {}, { admission });
    expect(members.size).toBe(messages.size);
    const lonely = createSecAggParticipant({
      id: 'p0000',
      config: config({ adversary: 'honest-but-curious' }),
      rng: rng.fork('lonely'),
    });
    assertRefused('secagg/unexpected-message', () => lonely.handle(messages.get('p0000') as Uint8Array));
    assertRefused('secagg/input', () =>
      runRound(script({ config: config({ weights: { max: 3, of: { p0000: 1, p0001: 2, p0002: 3 } } }) })),
    );
    expect(() => runRound(script({ config: config({ weights: { max: 3, of: { p0000: 4 } } }) }))).toThrow(RangeError);
  });

  it('applies public weights inside the sum and counts them', () => {
    const weights = { max: 4, of: { p0000: 1, p0001: 2, p0002: 3, p0003: 4, p0004: 0 } };
    const lostIn = new Map([['p0001', 'maskedInput' as const]]);
    const { result } = runRound(script({ config: config({ weights }), lostIn }));
    expect(result.totalWeight).toBe(8);
    expect([...result.sum]).toEqual([1, 2, 3, 4].map((j) => 1 * j + 3 * (20 + j) + 4 * (30 + j)));
    const wide = runRound(script({ config: config({ weights, bitWidth: 40 }), inputs: wideInputs() }));
    expect([...wide.result.sum]).toEqual([0, 1 + 2 + 3 + 4, 0, 1 + 2 + 3 + 4, 0, 10, 0, 10]);
  });
});

/** 2^32 in every entry. */
function wideInputs(): ReadonlyMap<string, Uint32Array> {
  return new Map(ids.map((id) => [id, Uint32Array.of(0, 1, 0, 1, 0, 1, 0, 1)]));
}
