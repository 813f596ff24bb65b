/** An audit says when participants were shown evidence that protects nothing. */
import { expect, it } from 'vitest';

import { createFindings } from '../../src/trust/log/audit/report.ts';
import { auditStory } from '../../src/trust/log/audit/story.ts';
import type { LogLeaf } from '../../src/trust/log/index.ts';

const digest = 'ab'.repeat(32);
const shown = (simulated: boolean): LogLeaf => ({
  kind: 'attestation',
  time: '2026-03-01T12:00:00.000Z',
  subject: digest,
  evidenceDigest: digest,
  taskPolicyDigest: digest,
  codeDigest: digest,
  simulated,
});
const notesOf = (...leaves: readonly LogLeaf[]): readonly string[] => {
  const findings = createFindings();
  auditStory(leaves, { findings, file: 'log' });
  return findings.notes;
};

it('notes evidence that was simulated, once, and no other', () => {
  expect(notesOf(shown(false))).toEqual([]);
  expect(notesOf(shown(true), shown(false), shown(true))).toEqual([expect.stringMatching(/^SIMULATED ATTESTATION/)]);
});
