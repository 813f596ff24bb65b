import { expect, it } from 'vitest';

import { formatInvitationLink, parseInvitationFragment, WireError } from './index.ts';

const invitation = { taskId: 'digits-1f2e3d', token: '0123456789abcdef0123456789abcdef' };

it('reads the invitation that a link carries behind its #', () => {
  const link = new URL(formatInvitationLink('https://example.org:7700/', invitation));
  expect(link.pathname).toBe('/participant/');
  expect(link.search).toBe('');
  expect(parseInvitationFragment(link.hash)).toEqual(invitation);
});

it('refuses what is no invitation', () => {
  for (const bad of [
    '',
    '#',
    '#task=a',
    '#token=0123456789abcdef',
    '#task=<b>&token=0123456789abcdef',
    '#task=a&token=x',
  ]) {
    expect(() => parseInvitationFragment(bad)).toThrow(WireError);
  }
});
