import { createSystemRng } from '../../../../src/foundations/random/index.ts';
import { runExperiment, type Setting, type Sight } from './experiment.ts';

const port = globalThis as unknown as {
  onmessage: ((event: { data: { id: number; setting: Setting } }) => void) | null;
  postMessage(message: { id: number; sight?: Sight; problem?: string }): void;
};

port.onmessage = ({ data: { id, setting } }) => {
  try {
    port.postMessage({ id, sight: runExperiment(setting, createSystemRng()) });
  } catch (error) {
    port.postMessage({ id, problem: error instanceof Error ? error.message : 'the step failed' });
  }
};
