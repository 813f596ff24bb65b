/**
 * The worker of {@link createMaskPool}: answers each job with the sum of its masks.
 *
 * @module
 */

import { serveRequests } from '../../foundations/kernels/index.ts';
import { runMaskJob, type MaskJob } from './mask-job.ts';

serveRequests((job: MaskJob) => {
  const answer = runMaskJob(job);
  return { answer, transfer: [answer.buffer as ArrayBuffer] };
});
