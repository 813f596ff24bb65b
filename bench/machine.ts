/**
 * One line about the machine a benchmark ran on.
 *
 * @module
 */

import { cpus, loadavg } from 'node:os';

/** Processor, cores, Node and load, such as `2 × Intel Xeon, Node v24.21.0, load 0.1`. */
export function describeMachine(): string {
  const [first] = cpus();
  const load = (loadavg()[0] ?? 0).toFixed(1);
  return `${cpus().length} × ${first?.model.trim() ?? 'unknown'}, Node ${process.version}, load ${load}`;
}
