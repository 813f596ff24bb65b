import { afterAll, describe, it } from 'vitest';

import { describeLeases } from '../../../../test/conformance/leases.ts';
import { connectNats, type Nats } from './index.ts';

const clock = (): number => performance.now();
const natsUrl = process.env.SOTTO_TEST_NATS;
if (natsUrl === undefined) {
  describe('leases: NATS', () => {
    it.skip('skipped: SOTTO_TEST_NATS is not set', () => {});
  });
} else {
  const connections: Nats[] = [];
  const connect = async (): Promise<Nats> => {
    const nats = await connectNats(natsUrl, clock);
    connections.push(nats);
    return nats;
  };
  afterAll(async () => {
    for (const nats of connections) await nats.close();
  });
  const bucket = `leases-${crypto.randomUUID()}`;
  describeLeases('NATS', async () => (await connect()).leases(bucket));
}
