/**
 * Channels between the endpoints of a computation: numbered mailboxes with messages in order. Parties are 0 … n − 1; a
 * dealer, when there is one, is endpoint n. The transport is the caller's; this file has the one in memory.
 *
 * @module
 */

import { MpcError } from './errors.ts';

/** One endpoint's view of all others. */
export interface PartyChannel {
  readonly endpoint: number;
  readonly endpoints: number;
  /** Hands a message over, which nobody changes afterwards; resolves when the transport has taken it. */
  send(to: number, message: Uint8Array): Promise<void>;
  /** Waits for the next message of one endpoint. */
  receive(from: number): Promise<Uint8Array>;
  /** Gives up: everybody who waits for this endpoint gets `mpc/channel-closed`. */
  close(reason?: string): void;
}

/** What went through a channel. */
export interface Traffic {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly messagesSent: number;
}

/** Counts payload bytes on their way through `channel`. */
export function countTraffic(channel: PartyChannel): PartyChannel & { traffic(): Traffic } {
  let bytesSent = 0;
  let bytesReceived = 0;
  let messagesSent = 0;
  return {
    endpoint: channel.endpoint,
    endpoints: channel.endpoints,
    send(to, message) {
      bytesSent += message.length;
      messagesSent += 1;
      return channel.send(to, message);
    },
    async receive(from) {
      const message = await channel.receive(from);
      bytesReceived += message.length;
      return message;
    },
    close: (reason) => channel.close(reason),
    traffic: () => ({ bytesSent, bytesReceived, messagesSent }),
  };
}

/** A queue of messages with one waiting reader. */
export interface Mailbox {
  push(message: Uint8Array): void;
  take(): Promise<Uint8Array>;
  close(reason: string): void;
}

/** Creates a queue: messages wait for the reader or the reader for a message. */
export function createMailbox(): Mailbox {
  const messages: Uint8Array[] = [];
  const readers: { resolve(message: Uint8Array): void; reject(error: Error): void }[] = [];
  let closed: string | undefined;
  const failure = () => new MpcError('mpc/channel-closed', `the channel is closed: ${closed}`, { retryable: true });
  return {
    push(message) {
      const reader = readers.shift();
      if (reader === undefined) messages.push(message);
      else reader.resolve(message);
    },
    take() {
      const message = messages.shift();
      if (message !== undefined) return Promise.resolve(message);
      if (closed !== undefined) return Promise.reject(failure());
      return new Promise((resolve, reject) => readers.push({ resolve, reject }));
    },
    close(reason) {
      closed ??= reason;
      for (const reader of readers.splice(0)) reader.reject(failure());
    },
  };
}

/**
 * Creates the channels of a computation within one process. Messages are handed over as they are: nobody changes one
 * that was sent or received.
 */
export function createLocalNetwork(endpoints: number): readonly PartyChannel[] {
  const boxes = Array.from({ length: endpoints }, () => Array.from({ length: endpoints }, () => createMailbox()));
  return boxes.map((own, endpoint) => ({
    endpoint,
    endpoints,
    send(to, message) {
      const box = boxes[to]?.[endpoint];
      if (box === undefined || to === endpoint) {
        return Promise.reject(new MpcError('mpc/malformed-message', `there is no endpoint ${to} to send to`));
      }
      box.push(message);
      return Promise.resolve();
    },
    receive(from) {
      const box = own[from];
      if (box === undefined || from === endpoint) {
        return Promise.reject(new MpcError('mpc/malformed-message', `there is no endpoint ${from} to receive from`));
      }
      return box.take();
    },
    close(reason = `endpoint ${endpoint} left`) {
      for (const other of boxes) (other[endpoint] as Mailbox).close(reason);
      for (const box of own) box.close(reason);
    },
  }));
}

/** Runs one body an endpoint; when one fails, all channels close, so that nobody waits for ever, and its error is thrown. */
export async function runEndpoints<T>(
  channels: readonly PartyChannel[],
  body: (channel: PartyChannel) => Promise<T>,
): Promise<readonly T[]> {
  const errors: unknown[] = [];
  const results = await Promise.all(
    channels.map(async (channel) => {
      try {
        return await body(channel);
      } catch (error) {
        errors.push(error);
        channel.close(error instanceof MpcError ? error.code : 'another endpoint failed');
        return undefined as T;
      }
    }),
  );
  if (errors.length > 0) throw errors[0];
  return results;
}
