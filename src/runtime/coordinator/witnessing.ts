/**
 * Asking witnesses to cosign the logs of a coordinator: after what somebody relies on was signed, in the background, one
 * asking a log at a time. A witness that is away holds nothing up; one that saw another story is an alarm.
 *
 * @module
 */

import { collectCosignatures, LogError, type LogWriter, type WitnessClient } from '../../trust/log/index.ts';

/** Asks for signatures. */
export interface Witnessing {
  /** Asks for those of a log's last checkpoint, soon. */
  ask(name: string, log: LogWriter): void;
  /** Resolves when nobody is being asked. */
  settle(): Promise<void>;
}

/** Leaves that follow one another closely share a signature. */
const WAIT_MS = 200;
/** A log that grew while witnesses were asked is asked for again, so often at most before the next occasion. */
const MAX_TURNS = 5;

/** Creates it. `report` is told of every failure. */
export function createWitnessing(
  witnesses: readonly WitnessClient[],
  report: (fields: Readonly<Record<string, unknown>>, text: string) => void,
): Witnessing {
  const asking = new Map<string, Promise<void>>();
  const again = new Set<string>();

  async function collect(name: string, log: LogWriter): Promise<void> {
    for (let turn = 0; turn < MAX_TURNS; turn += 1) {
      await new Promise((resolve) => {
        setTimeout(resolve, WAIT_MS).unref();
      });
      again.delete(name);
      try {
        const { failed, superseded } = await collectCosignatures(log, witnesses);
        for (const { name: witness, error } of failed) {
          report({ level: 'warn', log: name, witness, code: error.code }, 'a witness did not sign');
        }
        if (!superseded && !again.has(name)) return;
      } catch (error) {
        const code = error instanceof LogError ? error.code : 'failed';
        report({ level: 'error', log: name, code, error: String(error) }, 'a witness saw another story of a log');
        return;
      }
    }
  }

  return {
    ask(name, log) {
      if (witnesses.length === 0) return;
      again.add(name);
      if (asking.has(name)) return;
      const done = collect(name, log).finally(() => asking.delete(name));
      asking.set(name, done);
    },
    async settle() {
      await Promise.all(asking.values());
    },
  };
}
