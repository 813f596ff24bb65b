/**
 * The pages of a coordinator in Chromium, with a real coordinator on a socket and participants that train over it: the
 * first account, a task made by the form, invitations, rounds, release, download, sign-out. Is skipped, and says so,
 * where there is no browser.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { loadPages } from '../../src/cli/pages.ts';
import { decodeSafetensors } from '../../src/learning/models/index.ts';
import { parseInvitationFragment } from '../../src/federation/wire/index.ts';
import { OPERATOR_TOKEN_FILE, type Served, serve } from '../../src/runtime/coordinator/index.ts';
import { findViolations, hasChromium, launchChromium, openPage, type WatchedPage } from '../harness/chromium.ts';
import { type OidcProvider, startOidcProvider } from '../harness/oidc-provider.ts';
import { startParticipant, type TestParticipant } from '../harness/service.ts';

const PASSWORD = 'four random words here';
const MARKUP = '<img src=x onerror=alert(1)>';

describe.skipIf(!hasChromium)(
  `the pages of a coordinator in Chromium${hasChromium ? '' : ' (skipped: no browser)'}`,
  () => {
    let folder: string;
    let browser: Browser;
    let served: Served;
    let provider: OidcProvider;
    let ada: WatchedPage;
    const participants: TestParticipant[] = [];

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'sotto-people-'));
      browser = await launchChromium();
      provider = await startOidcProvider();
      served = await serve({
        folder,
        host: '127.0.0.1',
        port: 0,
        factsOf: (task) =>
          Promise.resolve({
            inputShape: task.model.input ?? [6],
            evaluate: () => Promise.resolve({ accuracy: 0.5, loss: 0.7 }),
          }),
        log: () => {},
        pages: {
          dashboard: () => loadPages('dashboard'),
          participant: () => loadPages('participant'),
          version: '0',
          oidc: {
            issuer: provider.issuer,
            clientId: provider.clientId,
            clientSecret: provider.clientSecret,
            name: 'the provider',
          },
        },
      });
      ada = await openPage(browser);
    }, 120_000);
    afterAll(async () => {
      for (const participant of participants) participant.leave();
      await browser?.close();
      await served?.close();
      await provider?.close();
      rmSync(folder, { recursive: true });
    });

    const signIn = async (page: Page, name: string, password: string): Promise<void> => {
      await page.goto(served.url);
      await page.getByLabel('Name').fill(name);
      await page.getByLabel('Password').fill(password);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText(name, { exact: true }).first().waitFor();
    };
    const address = (id: string, tab = ''): string => `${served.url}/#/tasks/${id}${tab}`;

    it('makes the first account, by the keyboard alone', async () => {
      const { page } = ada;
      await page.goto(served.url);
      await page.getByRole('heading', { name: 'The first account' }).waitFor();
      expect(await findViolations(page)).toEqual([]);
      await page.getByLabel('Code').focus();
      await page.keyboard.type(readFileSync(join(folder, OPERATOR_TOKEN_FILE), 'utf8').trim());
      await page.keyboard.press('Tab');
      await page.keyboard.type('ada');
      await page.keyboard.press('Tab');
      await page.keyboard.type(PASSWORD);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Tasks', exact: true }).waitFor();
      expect(await page.getByText('There is no task yet.').count()).toBe(1);
    });

    let task = '';
    it('makes a task by the form, with what it would cost beside it; markup in its name stays text', async () => {
      const { page } = ada;
      await page.getByRole('link', { name: 'New task' }).click();
      const field = (name: string): ReturnType<Page['getByLabel']> => page.getByLabel(name, { exact: true });
      await field('Task').fill(MARKUP);
      await field('Participants').fill('4');
      await field('Threshold').fill('3');
      await field('Stage timeout (ms)').fill('4000');
      await field('Rounds').fill('4');
      await field('Sampling rate').fill('0.5');
      await field('Expected batch size').fill('50');
      await field('Evaluate every').fill('1');
      await field('Input').fill('[6]');
      await field('Layers').fill('[{"kind":"dense","out":2}]');
      await page.getByRole('heading', { name: 'A new task' }).click();
      const preview = page.getByLabel('Preview');
      await preview.getByText('14 parameters').waitFor();
      await preview.getByText(/ε = [23]\.\d\d after 7 attempts/).waitFor();
      await preview.getByText(/per participant and round/).waitFor();
      expect(await page.getByLabel('Promise').innerText()).toMatch(/nobody need be trusted; hides one example/);
      await field('Epsilon').fill('-1');
      await preview
        .getByRole('alert')
        .getByText(/privacy\.epsilon/)
        .waitFor();
      expect(await page.getByRole('button', { name: 'Create the task' }).isDisabled()).toBe(true);
      await field('Epsilon').fill('8');
      await preview.getByText(/ε = [78]\.\d\d after 7 attempts/).waitFor();
      expect(await findViolations(page)).toEqual([]);
      await page.getByRole('button', { name: 'Create the task' }).click();
      await page.getByRole('heading', { level: 1, name: MARKUP }).waitFor();
      task = decodeURIComponent(new URL(page.url()).hash.split('/')[2] ?? '');
      expect(await page.locator('main img').count()).toBe(0);
    });

    it('invites with a link and its code, and shows the rounds of those who came', async () => {
      const { page } = ada;
      for (let i = 0; i < 4; i += 1) {
        await page.getByRole('button', { name: 'Invite' }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByRole('img', { name: 'QR code of the invitation link' }).waitFor();
        const link = await dialog.getByLabel('Link for a person').inputValue();
        if (i === 0) expect(await findViolations(page)).toEqual([]);
        await page.keyboard.press('Escape');
        const { taskId, token } = parseInvitationFragment(new URL(link).hash);
        expect(taskId).toBe(task);
        participants.push(
          startParticipant(`${MARKUP} ${i}`, { url: served.url, taskId, token, fetch, label: `${MARKUP} ${i}` }),
        );
      }
      await page.getByText('finished', { exact: true }).waitFor({ timeout: 60_000 });
      await Promise.all(participants.map(({ finished }) => finished));
      await page.getByText('4 of 4').first().waitFor();
      await page.goto(address(task, '/participants'));
      await page.getByRole('heading', { name: '4 participants' }).waitFor();
      await page.getByText(MARKUP, { exact: false }).first().waitFor();
      expect(await page.locator('main img').count()).toBe(0);
      await page.goto(address(task, '/ledger'));
      await page.getByText('The ledger holds').waitFor();
      expect(await page.getByRole('row').count()).toBeGreaterThan(8);
    });

    it('gives a viewer and an operator no more than is theirs', async () => {
      const { page } = ada;
      await page.goto(`${served.url}/#/people`);
      for (const [name, role] of [
        ['vera', 'viewer'],
        ['oskar', 'operator'],
        ['ossip', 'owner'],
      ] as const) {
        await page.getByLabel('Name', { exact: true }).fill(name);
        await page.getByLabel('First password').fill(PASSWORD);
        await page.locator('select[name=role]').selectOption(role);
        await page.getByRole('button', { name: 'Create the account' }).click();
        await page.getByText(`local:${name}`).waitFor();
      }
      expect(await findViolations(page)).toEqual([]);
      const vera = await openPage(browser);
      await signIn(vera.page, 'vera', PASSWORD);
      await vera.page.goto(address(task));
      await vera.page.getByRole('heading', { level: 1 }).waitFor();
      const asked = await vera.page.evaluate(
        async (id) => (await fetch(`/api/tasks/${id}/stop`, { method: 'POST' })).status,
        task,
      );
      expect(asked).toBe(403);
      for (const name of ['Pause', 'Stop', 'Invite', 'New task']) {
        expect(await vera.page.getByRole('button', { name, exact: true }).count()).toBe(0);
      }
      const oskar = await openPage(browser);
      await signIn(oskar.page, 'oskar', PASSWORD);
      await oskar.page.goto(address(task, '/model'));
      await oskar.page.getByRole('button', { name: 'Propose this model' }).click();
      await oskar.page.getByText('proposed by local:oskar').waitFor();
      expect(await oskar.page.getByRole('button', { name: 'Approve' }).count()).toBe(0);
      expect(await oskar.page.getByRole('link', { name: 'Download the model' }).count()).toBe(0);
      const ossip = await openPage(browser);
      await signIn(ossip.page, 'ossip', PASSWORD);
      await ossip.page.goto(address(task, '/model'));
      await ossip.page.getByRole('button', { name: 'Approve' }).click();
      await ossip.page.getByText('released', { exact: true }).waitFor();
      expect(await findViolations(ossip.page)).toEqual([]);
      const download = ossip.page.waitForEvent('download');
      await ossip.page.getByRole('link', { name: 'Download the model' }).click();
      const { tensors } = decodeSafetensors(new Uint8Array(readFileSync(await (await download).path())));
      expect([...tensors.values()].reduce((sum, { data }) => sum + data.length, 0)).toBe(14);
      for (const each of [vera, oskar, ossip]) {
        expect(each.complaints).toEqual([]);
        await each.page.context().close();
      }
    });

    const PHONE = { colorScheme: 'dark', viewport: { width: 390, height: 800 } } as const;
    /** What may be wrong with what is shown: serious violations, and what is wider than the page. */
    const faultsOf = async (page: Page): Promise<readonly unknown[]> => {
      const beyond = await page.evaluate(() =>
        [document.documentElement, ...document.querySelectorAll('dialog')]
          .map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)
          .reduce((most, each) => Math.max(most, each)),
      );
      return [...(await findViolations(page)), ...(beyond === 0 ? [] : [`${beyond} px too wide`])];
    };
    const focused = (page: Page): Promise<string> => page.evaluate(() => document.activeElement?.textContent ?? '');

    it('takes a release back and rejects a proposal, by keyboard and on a phone, once it was said what happens', async () => {
      const [oskar, ossip] = [await openPage(browser), await openPage(browser, PHONE)];
      await signIn(oskar.page, 'oskar', PASSWORD);
      await oskar.page.goto(address(task, '/model'));
      const barred = oskar.page.getByRole('button', { name: 'Take back' });
      await barred.waitFor();
      await expect.poll(() => barred.isDisabled()).toBe(true);
      await oskar.page
        .getByText('An owner who does not operate tasks approves, rejects and takes back; you are operator.')
        .waitFor();
      expect(await faultsOf(oskar.page)).toEqual([]);

      const { page } = ossip;
      await signIn(page, 'ossip', PASSWORD);
      await page.goto(address(task, '/model'));
      await page.getByRole('link', { name: 'Download the model' }).waitFor();
      await page.getByRole('button', { name: 'Take back' }).focus();
      await page.keyboard.press('Enter');
      const dialog = page.getByRole('dialog', { name: 'Take this release back?' });
      await dialog.getByText('From now on nobody can download these bytes.').waitFor();
      expect(await faultsOf(page)).toEqual([]);
      // The focus begins where nothing happens, and goes back to where it came from.
      await expect.poll(() => focused(page)).toBe('Leave it as it is');
      await page.keyboard.press('Enter');
      await dialog.waitFor({ state: 'detached' });
      await expect.poll(() => focused(page)).toBe('Take back');
      await page.getByText('released', { exact: true }).waitFor();
      await page.keyboard.press('Enter');
      await expect.poll(() => focused(page)).toBe('Leave it as it is');
      await page.keyboard.press('Shift+Tab');
      await expect.poll(() => focused(page)).toBe('Take it back');
      await page.keyboard.press('Enter');
      await page.getByText('rejected', { exact: true }).waitFor();
      expect(await page.getByRole('link', { name: 'Download the model' }).count()).toBe(0);

      await oskar.page.reload();
      await oskar.page.getByRole('button', { name: 'Propose this model' }).click();
      await oskar.page.getByText('proposed', { exact: true }).waitFor();
      await page.reload();
      await page.getByRole('button', { name: 'Reject' }).click();
      await page.getByText('Whoever operates the task can propose them, or a later model, again.').waitFor();
      expect(await faultsOf(page)).toEqual([]);
      await page.keyboard.press('Escape');
      await page.getByText('proposed', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Reject' }).click();
      await page.getByRole('button', { name: 'Reject it' }).click();
      await expect.poll(() => page.getByText('rejected', { exact: true }).count()).toBe(2);
      await ada.page.goto(`${served.url}/#/record`);
      await ada.page.getByRole('cell', { name: 'reject', exact: true }).nth(1).waitFor();
      for (const each of [oskar, ossip]) {
        expect(each.complaints).toEqual([]);
        await each.page.context().close();
      }
    });

    it('erases a participant on a phone once it was said what happens, and hands out the receipt', async () => {
      const oskar = await openPage(browser, { ...PHONE, colorScheme: 'light' });
      await signIn(oskar.page, 'oskar', PASSWORD);
      await oskar.page.goto(address(task, '/participants'));
      const barred = oskar.page.getByRole('button', { name: 'Erase a participant' });
      await barred.waitFor();
      await expect.poll(() => barred.isDisabled()).toBe(true);
      await oskar.page.getByText('An owner erases participants; you are operator.').waitFor();
      expect(await faultsOf(oskar.page)).toEqual([]);

      const { page, complaints } = await openPage(browser, PHONE);
      await signIn(page, 'ossip', PASSWORD);
      await page.goto(address(task, '/participants'));
      const buttons = page.getByRole('button', { name: /^Erase p/ });
      await buttons.first().waitFor();
      expect(await buttons.count()).toBe(4);
      expect(await faultsOf(page)).toEqual([]);
      const label = `${MARKUP} ${await page
        .getByRole('row')
        .first()
        .textContent()
        .then((text) => /onerror=alert\(1\)> (\d)/.exec(text ?? '')?.[1])}`;
      await buttons.first().focus();
      await page.keyboard.press('Enter');
      const dialog = page.getByRole('dialog');
      await dialog.getByText('can no longer be linked to it').waitFor();
      await dialog.getByText(`It calls itself ${label}.`).waitFor();
      expect(await faultsOf(page)).toEqual([]);
      await expect.poll(() => focused(page)).toBe('Keep it');
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      expect(await buttons.count()).toBe(4);
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Erase it for good' }).click();
      const proof = page.getByLabel('Receipt of the erasure');
      await proof.waitFor();
      expect(await proof.inputValue()).toMatch(/^c2sp\.org\/tlog-proof@v1\n/);
      expect(await faultsOf(page)).toEqual([]);
      const download = page.waitForEvent('download');
      await page.getByRole('button', { name: 'Save the receipt' }).click();
      expect(readFileSync(await (await download).path(), 'utf8')).toBe(await proof.inputValue());
      await page.getByRole('button', { name: 'Done' }).click();
      await page.getByText('erased', { exact: true }).waitFor();
      expect(await buttons.count()).toBe(3);
      // Gone from the pages of those who look on, too.
      await expect.poll(() => oskar.page.getByText(label, { exact: false }).count()).toBe(0);
      expect(await oskar.page.getByRole('row').filter({ hasText: MARKUP }).count()).toBe(3);
      expect([...complaints, ...oskar.complaints]).toEqual([]);
      await page.context().close();
      await oskar.page.context().close();
    });

    it('makes, pauses, resumes and stops a task by the keyboard alone', async () => {
      const { page } = ada;
      /** Presses Tab until the focus is on the field or button of that name. */
      const tabTo = async (name: string): Promise<void> => {
        const field = page.getByLabel(name, { exact: true });
        const wanted = field.or(page.getByRole('button', { name, exact: true })).first();
        for (let i = 0; i < 120; i += 1) {
          await page.keyboard.press('Tab');
          if (await wanted.evaluate((element) => element === document.activeElement)) return;
        }
        throw new Error(`the keyboard does not reach ${name}`);
      };
      const press = async (name: string): Promise<void> => {
        await page.getByRole('button', { name, exact: true }).waitFor();
        await tabTo(name);
        await page.keyboard.press('Enter');
      };
      await page.goto(`${served.url}/#/new`);
      await page.getByLabel('Preview').getByText('7,850 parameters').waitFor();
      await tabTo('Task');
      await page.keyboard.press('ControlOrMeta+a');
      await page.keyboard.type('by keyboard');
      await tabTo('Rounds');
      await page.keyboard.press('ControlOrMeta+a');
      await page.keyboard.type('7');
      await tabTo('Create the task');
      await page.getByLabel('Preview').getByText('after 10 attempts').waitFor();
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { level: 1, name: 'by keyboard' }).waitFor();
      await press('Pause');
      await page.getByText('paused', { exact: true }).waitFor();
      await press('Resume');
      await page.getByText('running', { exact: true }).waitFor();
      await press('Invite');
      await page.getByRole('dialog').getByLabel('Link for a person').waitFor();
      await page.keyboard.press('Escape');
      await press('Stop');
      await press('Stop the task');
      await page.getByText('stopped', { exact: true }).waitFor();
      expect(await page.getByRole('button', { name: 'Invite' }).count()).toBe(0);
    });

    it.each([
      ['light', 1280],
      ['light', 390],
      ['dark', 1280],
      ['dark', 390],
    ] as const)('shows every page %s and %i wide without a serious violation', async (scheme, width) => {
      const { page, complaints } = await openPage(browser, { colorScheme: scheme, viewport: { width, height: 800 } });
      await signIn(page, 'ada', PASSWORD);
      // A token, so that its table is among what must fit.
      await page.evaluate(async () => {
        const body = JSON.stringify({ label: 'wide', scope: 'everything', days: 1, actions: ['task.view'] });
        await fetch('/api/tokens', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      });
      const pages = [
        '',
        'new',
        'people',
        'record',
        'settings',
        `tasks/${task}`,
        `tasks/${task}/model`,
        `tasks/${task}/participants`,
        `tasks/${task}/rounds`,
      ];
      for (const path of pages) {
        await page.goto(`${served.url}/#/${path}`);
        await page.getByRole('heading', { level: 1 }).waitFor();
        await page.waitForTimeout(400);
        expect([path, await findViolations(page)]).toEqual([path, []]);
        expect([path, await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)]).toEqual([path, 0]);
      }
      expect(complaints).toEqual([]);
      await page.context().close();
    });

    it('signs somebody in at a provider, who then has what an owner gave her', async () => {
      provider.persona = { sub: 'nina', name: 'nina' };
      const { page, complaints } = await openPage(browser);
      await page.goto(served.url);
      await page.getByRole('link', { name: 'Sign in with the provider' }).click();
      await page.getByRole('heading', { name: 'Welcome, nina' }).waitFor();
      await ada.page.goto(`${served.url}/#/people`);
      await ada.page.reload();
      await ada.page.getByLabel('Give nina a role').selectOption('viewer');
      await ada.page.getByRole('button', { name: 'Take the role viewer from nina' }).waitFor();
      await page.reload();
      await page.getByRole('heading', { name: 'Tasks', exact: true }).waitFor();
      expect(complaints).toEqual([]);
      await page.context().close();
    });

    it('issues a token, signs out, and lets nobody in with what is left', async () => {
      const { page, complaints } = ada;
      await page.goto(`${served.url}/#/settings`);
      await page.getByLabel('Name', { exact: true }).fill('nightly');
      await page.getByRole('button', { name: 'Issue a token' }).click();
      const text =
        (await page
          .getByText(/^Shown once/)
          .locator('code')
          .textContent()) ?? '';
      const ask = (): Promise<Response> =>
        fetch(`${served.url}/api/tasks`, { headers: { authorization: `Bearer ${text}` } });
      expect((await ask()).status).toBe(200);
      await page.getByLabel('Account').getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      expect(await page.evaluate(async () => (await fetch('/api/tasks')).status)).toBe(401);
      expect(complaints).toEqual([]);
    });
  },
);
