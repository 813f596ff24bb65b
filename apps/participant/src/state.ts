/** What the page knows, as signals, and the acts that change it. */
import { computed, signal } from '@preact/signals';

import {
  type AttestationView,
  type BudgetView,
  createBrowserParticipant,
  type DataSummary,
  type DroppedFile,
  type Enrolment,
  type HostEvent,
  type Phase,
  type ReadOptions,
  type GivenPolicy,
  type ReceiptsView,
  type TaskProgress,
  type TaskView,
} from '../../../src/runtime/client/browser/index.ts';
import { parseInvitationFragment } from '../../../src/federation/wire/invitation.ts';

export type View = 'take-part' | 'see' | 'page';

export interface Conditions {
  readonly maxEpsilon: number;
  readonly minParticipants: number;
  readonly minThreshold: number;
  readonly minNoiseMultiplier: number;
  readonly acceptCoordinator: boolean;
}

interface Place {
  readonly url: string;
  readonly taskId: string;
}

/** Floors a person starts with: privacy that needs no trust, and company. */
export const CAUTIOUS: Conditions = {
  maxEpsilon: 10,
  minParticipants: 3,
  minThreshold: 2,
  minNoiseMultiplier: 0,
  acceptCoordinator: false,
};

export const view = signal<View>('take-part');
export const place = signal<Place | null>(null);
export const task = signal<TaskView | null>(null);
export const lookError = signal<string | null>(null);
export const summary = signal<DataSummary | null>(null);
export const reading = signal<{ done: number; total: number } | null>(null);
export const readError = signal<string | null>(null);
export const conditions = signal<Conditions>(CAUTIOUS);
/** Why the conditions refuse the task; undefined while it is not known. */
export const refusal = signal<string | null | undefined>(undefined);
export const label = signal('');
export const phase = signal<Phase>('idle');
export const note = signal<string | null>(null);
export const progress = signal<TaskProgress | null>(null);
export const budget = signal<BudgetView | null>(null);
export const receipts = signal<ReceiptsView>({ receipts: [], intact: true });
export const attestation = signal<AttestationView | null>(null);
/** The coordinator says that its evidence is simulated. */
export const simulated = signal(false);
/** The text of a policy file, in place of the form. */
export const policyFile = signal<{ name: string; text: string } | null>(null);
export const enrolments = signal<readonly Enrolment[]>([]);
export const fingerprint = signal<string | null>(null);
export const forgotten = signal(false);
export const joinError = signal<string | null>(null);
export const online = signal(navigator.onLine);

export const enrolment = computed(() =>
  enrolments.value.find(({ url, taskId }) => url === place.value?.url && taskId === place.value.taskId),
);
/** Whether the view of a participation is shown rather than the way in. */
export const takingPart = computed(() =>
  ['joining', 'waiting', 'computing', 'offline', 'paused', 'ended'].includes(phase.value),
);

let token = '';
let lastFiles: readonly DroppedFile[] = [];

const participant = createBrowserParticipant(hear);

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'something went wrong';
}

function hear(event: HostEvent): void {
  switch (event.kind) {
    case 'phase':
      phase.value = event.phase;
      note.value = event.note;
      if (event.phase === 'failed') joinError.value = event.note;
      if (event.phase === 'ended') void refresh();
      break;
    case 'reading':
      reading.value = { done: event.done, total: event.total };
      break;
    case 'progress':
      progress.value = event.progress;
      break;
    case 'round':
      if (event.outcome === 'committed' && progress.value !== null) {
        progress.value = { ...progress.value, round: Math.max(progress.value.round, event.round) };
      }
      void refresh();
      break;
    case 'attested':
      void refresh();
      break;
    case 'simulated':
      simulated.value = true;
      break;
  }
}

/** Reads budget and receipts anew. */
async function refresh(): Promise<void> {
  const where = place.value;
  if (where === null) return;
  budget.value = await participant.call('budget', where);
  receipts.value = await participant.call('receipts', where);
  attestation.value = await participant.call('attestation', where);
}

async function reopen(): Promise<void> {
  const opened = await participant.call('open', {});
  fingerprint.value = opened.fingerprint;
  enrolments.value = opened.enrolments;
}

/** Begins: finds the invitation in the address, or the tasks this browser has joined. */
export async function begin(): Promise<void> {
  addEventListener('online', () => (online.value = true));
  addEventListener('offline', () => (online.value = false));
  addEventListener('hashchange', () => void followAddress());
  addEventListener('popstate', () => (view.value = viewOfPlace()));
  view.value = viewOfPlace();
  addEventListener('beforeunload', (event) => {
    if (['waiting', 'computing', 'joining', 'offline'].includes(phase.value)) event.preventDefault();
  });
  try {
    await reopen();
  } catch (error) {
    lookError.value = messageOf(error);
    return;
  }
  await followAddress();
}

const VIEWS: readonly View[] = ['take-part', 'see', 'page'];

/** The view that this place of the history is: what was chosen there, or what the address says. */
function viewOfPlace(): View {
  const { view: chosen } = (history.state ?? {}) as { view?: View };
  return VIEWS.find((name) => name === chosen || `#${name}` === location.hash) ?? 'take-part';
}

/** Shows a view; the browser's way back leads to the one before. */
export function show(to: View): void {
  if (to === view.value) return;
  history.pushState({ view: to }, '');
  view.value = to;
  scrollTo(0, 0);
}

async function followAddress(): Promise<void> {
  const { hash } = location;
  const named = new URLSearchParams(hash.slice(1)).get('task');
  if (named === null) return;
  const known = enrolments.value.find(({ taskId, url }) => taskId === named && url === location.origin);
  if (known !== undefined && !hash.includes('token=')) return look(known, '');
  try {
    const invitation = parseInvitationFragment(hash);
    await look({ url: location.origin, taskId: invitation.taskId }, invitation.token);
  } catch (error) {
    lookError.value = messageOf(error);
  }
}

/** Asks what a task is. */
async function look({ url, taskId }: Place, withToken: string): Promise<void> {
  place.value = { url, taskId };
  token = withToken;
  lookError.value = null;
  task.value = null;
  summary.value = null;
  try {
    task.value = await participant.call('look', { url, taskId, token });
    await check();
    await refresh();
  } catch (error) {
    lookError.value = messageOf(error);
  }
}

/** Takes one of the tasks this browser has joined. */
export function choose({ url, taskId }: Place): Promise<void> {
  return look({ url, taskId }, '');
}

function policyNow(): GivenPolicy {
  if (policyFile.value !== null) return policyFile.value.text;
  const { maxEpsilon, minParticipants, minThreshold, minNoiseMultiplier, acceptCoordinator } = conditions.value;
  return {
    maxEpsilon,
    maxDelta: 1e-3,
    minParticipants,
    trust: acceptCoordinator ? ['nobody', 'local', 'coordinator'] : ['nobody', 'local'],
    ...(minThreshold > 0 ? { minThreshold } : {}),
    ...(minNoiseMultiplier > 0 ? { minNoiseMultiplier } : {}),
  };
}

/** Asks whether the conditions accept the task. */
async function check(): Promise<void> {
  if (place.value === null) return;
  try {
    refusal.value = await participant.call('check', { ...place.value, policy: policyNow() });
  } catch (error) {
    refusal.value = messageOf(error);
  }
}

/** Takes a policy file in place of the form, or goes back to the form. */
export async function usePolicyFile(file: File | null): Promise<void> {
  policyFile.value = file === null ? null : { name: file.name, text: await file.text() };
  await check();
}

/** Changes the conditions. */
export function demand(change: Partial<Conditions>): void {
  conditions.value = { ...conditions.value, ...change };
  void check();
}

/** Reads dropped files; the examples stay in the worker. */
export async function read(files: readonly DroppedFile[], options: ReadOptions = {}): Promise<void> {
  if (place.value === null || files.length === 0) return;
  lastFiles = files;
  readError.value = null;
  reading.value = { done: 0, total: files.length };
  try {
    summary.value = await participant.call('read', { ...place.value, token, files: [...files], options });
  } catch (error) {
    summary.value = null;
    readError.value = messageOf(error);
  } finally {
    reading.value = null;
  }
}

/** Reads the same files in another way. */
export function readAgain(options: ReadOptions): Promise<void> {
  return read(lastFiles, options);
}

export async function join(): Promise<void> {
  if (place.value === null) return;
  joinError.value = null;
  phase.value = 'joining';
  try {
    await participant.call('join', {
      ...place.value,
      token,
      label: label.value.trim() === '' ? 'a browser' : label.value.trim(),
      policy: policyNow(),
    });
    await reopen();
    await refresh();
    history.replaceState(null, '', `#task=${encodeURIComponent(place.value.taskId)}`);
    void keepAwake();
  } catch (error) {
    joinError.value = messageOf(error);
    phase.value = 'failed';
  }
}

export async function pause(): Promise<void> {
  await participant.call('pause', {});
}

export async function leave(): Promise<void> {
  if (place.value === null) return;
  await participant.call('leave', place.value);
  await reopen();
}

/** Takes everything of this browser away: key, ledger, receipts, tasks, the kept page. */
export async function forget(): Promise<void> {
  if (place.value !== null && enrolment.value !== undefined) {
    await participant.call('leave', place.value).catch(() => null);
  }
  await participant.call('forget', {});
  for (const name of (await globalThis.caches?.keys()) ?? []) await caches.delete(name);
  for (const registration of (await navigator.serviceWorker?.getRegistrations()) ?? []) await registration.unregister();
  history.replaceState(null, '', location.pathname);
  enrolments.value = [];
  place.value = null;
  task.value = null;
  summary.value = null;
  budget.value = null;
  receipts.value = { receipts: [], intact: true };
  attestation.value = null;
  policyFile.value = null;
  progress.value = null;
  fingerprint.value = null;
  phase.value = 'idle';
  forgotten.value = true;
}

/** Saves the ledger, the receipts or the records of evidence as the file every other participant writes. */
export async function save(list: 'ledger' | 'receipts' | 'attestation'): Promise<void> {
  if (place.value === null) return;
  const file = await participant.call('export', { ...place.value, list });
  const anchor = document.createElement('a');
  anchor.href = URL.createObjectURL(new Blob([file.slice()], { type: 'application/jsonl' }));
  anchor.download = `${place.value.taskId}.${list}.jsonl`;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
}

/** Keeps a phone's screen on while taking part, where the browser lets a page ask for it. */
async function keepAwake(): Promise<void> {
  try {
    const lock = await navigator.wakeLock?.request('screen');
    phase.subscribe((now) => {
      if (['ended', 'paused', 'idle', 'failed'].includes(now)) void lock?.release();
    });
  } catch {
    // It is a courtesy: without it the rounds go on when the screen is on again.
  }
}
