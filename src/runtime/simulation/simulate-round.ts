/**
 * One attempt on the virtual network: the coordinator's machine on one side, hosted participants on the other, delays
 * and silences between them. Several may share the network, each with a cohort of its own.
 *
 * @module
 */

import type { Assistant } from '../../federation/assistants/index.ts';
import type { CoordinatorRound, RoundEffect, RoundResult } from '../../federation/rounds/index.ts';
import type { SottoError } from '../../foundations/numerics/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import type { Hosts } from './hosts.ts';
import { createStageLog, type StageLog } from '../view/index.ts';
import type { VirtualNetwork } from './virtual-network.ts';

/** How an attempt went. */
export interface AttemptOutcome {
  readonly result: RoundResult | undefined;
  readonly error: SottoError | undefined;
  /** Participants that stopped answering. */
  readonly dropouts: number;
  /** Bytes the participants sent and received, all together. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Virtual milliseconds from offer to end. */
  readonly virtualMs: number;
  /** Main-thread seconds in the coordinator's machine. */
  readonly coordinatorSeconds: number;
  /** Seconds that the parties beside the coordinator took. */
  readonly assistantSeconds: number;
  /** Refusals by participants or of their messages, each with its code. */
  readonly refusals: readonly string[];
  /** The stages as they passed. */
  readonly log: StageLog;
}

/** How far the participants are, really and not on the virtual clock, with what a stage asks of them. */
export interface StageWork {
  readonly attempt: number;
  readonly round: number;
  readonly stage: string;
  /** Whoever has computed its answer, or will never give one. */
  readonly done: number;
  readonly asked: number;
}

/** An attempt that is under way on the network. */
export interface SimulatedRound {
  /** Whether the coordinator's machine has ended. */
  readonly done: boolean;
  /** Whether it has ended and nothing of it is under way any more, the closing message among it. */
  readonly settled: boolean;
  /** Whether a member has something of it under way, or it has not ended. */
  isBusy(participant: string): boolean;
  /** How it went so far; the whole of it once it is settled. */
  outcome(): AttemptOutcome;
}

/**
 * Starts an attempt; whoever runs the network brings it to its end.
 * @param options - `answers` is how many answers each participant gives before it goes silent; `slowdown` what a
 * participant's delays are multiplied by.
 */
export function startRound({
  round,
  hosts,
  network,
  answers,
  latencyMs: [least, most],
  slowdown = () => 1,
  rng,
  cohort,
  assistants = new Map(),
  onOpen = () => {},
  onProgress = () => {},
  onWork = () => {},
}: {
  round: CoordinatorRound;
  hosts: Hosts;
  network: VirtualNetwork;
  answers: ReadonlyMap<string, number>;
  latencyMs: readonly [number, number];
  slowdown?: (participant: string) => number;
  rng: Rng;
  cohort: readonly string[];
  /** Parties that help to form the sum. */
  assistants?: ReadonlyMap<string, Assistant> | undefined;
  /** Called when the attempt opens, with its log, and whenever the log has changed. */
  onOpen?: (log: StageLog) => void;
  onProgress?: () => void;
  /** Called when a participant is done with what a stage asks of it. */
  onWork?: (work: StageWork) => void;
}): SimulatedRound {
  const given = new Map<string, number>();
  const refusals: string[] = [];
  const startMs = network.nowMs;
  let endMs: number | undefined;
  /** Messages and answers that have not arrived, by the party that they are for or from. */
  const underWay = new Map<string, number>();
  /** Participants asked in a stage, and how many of them are done with it. */
  const work = new Map<string, { asked: number; done: number }>();
  let result: RoundResult | undefined;
  let error: SottoError | undefined;
  let dropouts = 0;
  let bytesSent = 0;
  let bytesReceived = 0;
  let coordinatorSeconds = 0;
  let assistantSeconds = 0;
  const log = createStageLog({
    attempt: round.address.attempt,
    round: round.address.round,
    cohort,
    stage: round.stage,
    nowMs: startMs,
    virtual: true,
  });

  const delay = (): number => least + ((most - least) * rng.uint32()) / 2 ** 32;

  /** Schedules an arrival. */
  function send(afterMs: number, party: string, arrive: () => void | Promise<void>): void {
    underWay.set(party, (underWay.get(party) ?? 0) + 1);
    network.schedule(afterMs, async () => {
      await arrive();
      const left = (underWay.get(party) ?? 0) - 1;
      if (left > 0) underWay.set(party, left);
      else underWay.delete(party);
    });
  }

  function act(step: () => RoundEffect[]): void {
    const start = performance.now();
    const effects = step();
    coordinatorSeconds += (performance.now() - start) / 1000;
    for (const effect of effects) perform(effect);
    if (endMs !== undefined) return;
    log.at(round.stage, network.nowMs);
    if (round.done) {
      endMs = network.nowMs;
      log.end(endMs);
    }
    onProgress();
  }

  function perform(effect: RoundEffect): void {
    switch (effect.kind) {
      case 'send': {
        const { to, bytes } = effect;
        const finish = round.done ? () => {} : askOne(round.stage);
        send(delay() * slowdown(to), to, () => deliver(to, bytes, finish));
        break;
      }
      case 'ask':
        ask(effect.assistant, effect.bytes);
        break;
      case 'timer':
        network.schedule(effect.afterMs, () => {
          if (!round.done) act(() => round.timeout(effect.stage));
        });
        break;
      case 'refused':
        refusals.push(effect.code);
        break;
      case 'finished':
        result = effect.result;
        dropouts = effect.result.dropouts.length;
        break;
      case 'aborted':
        error = effect.error;
        dropouts = effect.dropouts;
        break;
    }
  }

  /** Asks an assistant and schedules the arrival of its answer. */
  function ask(name: string, bytes: Uint8Array): void {
    const start = performance.now();
    const pending =
      assistants.get(name)?.answer(bytes) ?? Promise.reject(new TypeError(`there is no assistant called ${name}`));
    pending.catch(() => {});
    send(delay() + delay(), name, async () => {
      try {
        const answer = await pending;
        assistantSeconds += (performance.now() - start) / 1000;
        act(() => round.answer(name, answer));
      } catch (cause) {
        act(() => round.refuse(name, cause));
      }
    });
  }

  /** Counts a participant that is asked; to be called when it is done. */
  function askOne(stage: string): () => void {
    const of = work.get(stage) ?? { asked: 0, done: 0 };
    work.set(stage, of);
    of.asked += 1;
    return () => {
      of.done += 1;
      if (!round.done) onWork({ ...round.address, stage, done: of.done, asked: of.asked });
    };
  }

  /** Hands a message over and schedules the arrival of the answers; the host computes meanwhile. */
  async function deliver(to: string, bytes: Uint8Array, finish: () => void): Promise<void> {
    const count = given.get(to) ?? 0;
    if (count >= (answers.get(to) ?? 0)) {
      finish();
      return;
    }
    given.set(to, count + 1);
    bytesReceived += bytes.length;
    const pending = hosts.deliver(to, bytes);
    // Whoever hears that the attempt is over is free for the next one: nobody waits for its answer.
    if (round.done) {
      take(to, await pending);
      return;
    }
    // Awaited at its virtual time; a failure before that must not count as unhandled.
    pending.then(finish, () => {});
    send(delay() * slowdown(to), to, async () => take(to, await pending));
  }

  function take(from: string, { replies, refusal }: Awaited<ReturnType<Hosts['deliver']>>): void {
    if (refusal !== undefined) refusals.push(refusal);
    for (const reply of replies) {
      bytesSent += reply.length;
      act(() => {
        const effects = round.receive(from, reply);
        // The message that closes a stage was an answer to it: the log moves on only afterwards.
        if (!effects.some(({ kind }) => kind === 'refused')) log.answer(from, reply.length);
        return effects;
      });
    }
  }

  onOpen(log);
  act(() => round.begin());
  return {
    get done() {
      return round.done;
    },
    get settled() {
      return round.done && underWay.size === 0;
    },
    isBusy: (participant) => !round.done || underWay.has(participant),
    outcome: () => ({
      result,
      error,
      dropouts,
      bytesSent,
      bytesReceived,
      virtualMs: (endMs ?? network.nowMs) - startMs,
      coordinatorSeconds,
      assistantSeconds,
      refusals,
      log,
    }),
  };
}
