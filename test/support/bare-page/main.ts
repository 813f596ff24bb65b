/** A page with nothing but a participant: what the end-to-end test of browser participants calls. */
import { datasetFromIdx, readIdx } from '../../../src/learning/data/index.ts';
import { createBrowserParticipant, type HostEvent } from '../../../src/runtime/client/browser/index.ts';
import { computeTranscript } from '../secagg-transcript.ts';

const events: HostEvent[] = [];
const participant = createBrowserParticipant((event) => events.push(event));

async function bytesAt(path: string): Promise<Uint8Array> {
  return new Uint8Array(await (await fetch(path)).arrayBuffer());
}

/** What the test reaches through `globalThis.bare`. */
export const bare = {
  events,
  participant,
  computeTranscript,
  async join(request: { url: string; taskId: string; token: string; label: string }): Promise<void> {
    const [images, labels] = await Promise.all([bytesAt('./images'), bytesAt('./labels')]);
    const data = datasetFromIdx({ images: readIdx(images), labels: readIdx(labels) });
    const { inputs, inputShape, labels: targets, inputScale, classes } = data;
    const policy = { maxEpsilon: 10, minParticipants: 4, trust: ['nobody' as const] };
    await participant.call('look', request);
    await participant.call('join', {
      ...request,
      policy,
      data: { inputs: inputs.slice(), inputShape, labels: targets.slice(), inputScale, classes },
    });
  },
};

(globalThis as unknown as { bare: typeof bare }).bare = bare;
