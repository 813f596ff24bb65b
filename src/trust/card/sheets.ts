/**
 * The card as the sheets that those who ask have: the questions of NIST SP 800-226, the record of processing of GDPR
 * Art. 30, a draft for the data protection impact assessment of Art. 35, and the HIPAA safeguards. Drafts for people who
 * answer for them; what only they know is marked as missing.
 *
 * @module
 */

import type { PrivacyCard } from './card.ts';
import { describeActors, describeProtections, describeTrust, describeUnit, describeVoid, missing } from './words.ts';

interface Answer {
  readonly question: string;
  readonly answer: string;
}

const figure = (value: number): string => (Number.isInteger(value) ? `${value}` : value.toPrecision(4));

function heading(card: PrivacyCard, title: string): string {
  const warning = describeVoid(card);
  return [
    `# ${title}: ${card.task}`,
    '',
    ...(warning === '' ? [] : [`**${warning}**`, '']),
    `Generated from the transparency log ${card.log.key ?? ''} with ${card.log.leaves} leaves; numbers recomputed from its ledger records.`,
    '',
  ].join('\n');
}

const list = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join('\n');

/** What becomes of the risk that a contribution is read, by aggregation. */
const CONTRIBUTION_RISK: Readonly<Record<string, string>> = {
  secagg: 'masked: only the sum is opened, as long as the stated number of participants is honest',
  shares: 'shared: only the sum is opened, as long as one aggregation server is honest',
  homomorphic: 'encrypted: only the sum is decrypted, as long as the key holder and the coordinator do not collude',
};

/** Answers the questions along the pyramid of NIST SP 800-226, from its top. [SP800-226] */
export function answerNistQuestions(card: PrivacyCard): readonly Answer[] {
  const { guarantee, log } = card;
  const [sampler = '', bound = ''] = describeProtections(card);
  return [
    {
      question: 'What are epsilon and delta, and are they small enough for what is at stake?',
      answer:
        guarantee === null
          ? 'There is no epsilon: nothing bounds what the model reveals.'
          : `epsilon = ${figure(guarantee.epsilon)} at delta = ${guarantee.delta}, of a budget of ${guarantee.budget}. ` +
            `At a false-positive rate of 1 % no membership test finds more than ${(100 * detectionAt(card, 0.01)).toFixed(1)} % of members.` +
            (guarantee.epsilon > 10 ? ' This is more than SP 800-226 calls meaningful.' : ''),
    },
    { question: 'What is the unit of privacy, and which neighbours are meant?', answer: describeUnit(card) },
    {
      question: 'Is privacy loss tracked over all releases?',
      answer:
        guarantee === null
          ? 'No.'
          : `Yes: ${guarantee.charges} charges in a hash-chained ledger, composed by the ${guarantee.accountant.toUpperCase()} accountant; a charge is written before data is touched.`,
    },
    {
      question: 'Which mechanism is used, and is it implemented correctly?',
      answer: guarantee === null ? 'None.' : `${guarantee.mechanism}. ${sampler}`,
    },
    {
      question: 'Are floating-point numbers a weakness?',
      answer: guarantee === null ? 'There is no noise whose bits could tell.' : `${sampler} ${bound}`,
    },
    {
      question: 'Does the noise harm accuracy, and for whom?',
      answer:
        card.accuracy === null
          ? 'Accuracy was not measured in this run.'
          : `Accuracy ${(100 * card.accuracy).toFixed(2)} % on public test data. Differences between groups: ${missing('an evaluation by group')}`,
    },
    { question: 'Which trust model holds?', answer: describeTrust(card) },
    { question: 'Who has access to data, intermediate results and keys?', answer: describeActors(card).join(' ') },
    {
      question: 'Is access controlled and recorded?',
      answer: `${log.accessDecisions} decisions and ${log.administrativeActs} administrative acts stand in the log.`,
    },
    {
      question: 'What data is collected, and is all of it needed?',
      answer: `Data stays with its participants; ${log.preparations} recorded preparations. ${card.controller.dataCategories ?? missing('dataCategories')}`,
    },
    {
      question: 'Can the claims be checked by somebody else?',
      answer: `Yes, offline: sotto verify. Witnesses: ${log.witnesses.length === 0 ? 'none' : log.witnesses.join(', ')}.`,
    },
  ];
}

/** The most that a membership test finds at a false-positive rate. */
export function detectionAt({ tradeOff }: PrivacyCard, rate: number): number {
  const point = tradeOff.find(({ falsePositiveRate }) => Math.abs(falsePositiveRate - rate) < 1e-9);
  return point === undefined ? 1 : 1 - point.falseNegativeRate;
}

/** Writes the NIST questions as Markdown. */
export function formatNistSheet(card: PrivacyCard): string {
  const body = answerNistQuestions(card).map(({ question, answer }) => `## ${question}\n\n${answer}\n`);
  return `${heading(card, 'NIST SP 800-226 questions')}\n${body.join('\n')}`;
}

/** Writes the record of processing activities. [GDPR] Art. 30(1) */
export function formatProcessingRecord(card: PrivacyCard): string {
  const { controller } = card;
  const rows: [string, string][] = [
    [
      '(a) controller and contact',
      `${controller.controller ?? missing('controller')}; ${controller.contact ?? missing('contact')}`,
    ],
    [
      '(a) representative, data protection officer',
      `${controller.representative ?? missing('representative')}; ${controller.dataProtectionOfficer ?? missing('dataProtectionOfficer')}`,
    ],
    ['(b) purpose of the processing', controller.purpose ?? missing('purpose')],
    ['legal basis (Art. 6, 9)', controller.legalBasis ?? missing('legalBasis')],
    ['(c) categories of data subjects', controller.dataSubjects ?? missing('dataSubjects')],
    ['(c) categories of personal data', controller.dataCategories ?? missing('dataCategories')],
    ['(d) recipients', `${controller.recipients ?? missing('recipients')} ${describeActors(card).join(' ')}`],
    ['(e) transfers to third countries', controller.transfers ?? missing('transfers')],
    [
      '(f) time limits for erasure',
      `${controller.retention ?? missing('retention')} Recorded erasures: ${card.log.erasures}.`,
    ],
    [
      '(g) technical and organisational measures (Art. 32)',
      [describeTrust(card), ...describeProtections(card)].join(' '),
    ],
  ];
  const table = rows.map(([left, right]) => `| ${left} | ${right.replaceAll('|', '\\|')} |`).join('\n');
  return `${heading(card, 'Record of processing activities (GDPR Art. 30)')}\n| | |\n|---|---|\n${table}\n`;
}

/** Writes a draft of the impact assessment. [GDPR] Art. 35(7) */
export function formatImpactAssessment(card: PrivacyCard): string {
  const { guarantee, controller } = card;
  const residual =
    guarantee === null
      ? 'The model may reveal anybody’s record. This risk is not mitigated.'
      : `Bounded by epsilon = ${figure(guarantee.epsilon)}, delta = ${guarantee.delta}: a test that accuses 1 % of outsiders finds at most ${(100 * detectionAt(card, 0.01)).toFixed(1)} % of members.`;
  return [
    heading(card, 'Data protection impact assessment, draft (GDPR Art. 35)'),
    '## (a) The processing and its purposes',
    '',
    `${controller.purpose ?? missing('purpose')} ${card.mode === 'single-party' ? 'One party' : `${card.participants} participants`} trained a model of ${card.parameters} parameters in ${card.rounds} rounds; data stayed where it was.`,
    '',
    '## (b) Necessity and proportionality',
    '',
    `Minimisation: ${card.mode === 'single-party' ? 'the data stays with the party that trains.' : 'no example leaves a participant.'} ${describeUnit(card)} Legal basis: ${controller.legalBasis ?? missing('legalBasis')}`,
    '',
    '## (c) Risks to the rights and freedoms of data subjects',
    '',
    '| risk | who | what remains |',
    '|---|---|---|',
    `| somebody learns that a record was in the training data | readers of the model | ${residual} |`,
    `| a contribution is read | coordinator | ${CONTRIBUTION_RISK[card.aggregation] ?? 'NOT mitigated: contributions are in the clear'} |`,
    '| the budget is overdrawn or the record rewritten | operator | detected by anybody with the log’s key; split views need witnesses |',
    `| participants pool what they know | participants | ${card.maxCorrupt ?? 0} of them are accounted for |`,
    `| a participant poisons the model | participants | ${guarantee === null ? 'nothing bounds a contribution' : `clipping bounds the influence of one ${guarantee.privacyUnit}`}; no range proofs |`,
    '',
    '## (d) Measures',
    '',
    list([describeTrust(card), ...describeProtections(card)]),
    '',
    `Opinion of the data protection officer: ${missing('opinion')}`,
    '',
  ].join('\n');
}

/** Writes the HIPAA sheet. [HIPAA] 45 CFR 164 */
export function formatHipaaSheet(card: PrivacyCard): string {
  const { guarantee, log, controller } = card;
  const rows: [string, string][] = [
    ['covered entity or business associate', controller.coveredEntity ?? missing('coveredEntity')],
    [
      '164.514(b) de-identification',
      `${log.preparations} recorded preparations; the Safe Harbor check of sotto prepare lists the eighteen identifiers one by one. A model is not de-identified by this sheet: ${missing('expert determination or Safe Harbor report')}`,
    ],
    [
      '164.514(b)(1) very small risk, statistical evidence',
      guarantee === null
        ? 'none'
        : `differential privacy with epsilon = ${figure(guarantee.epsilon)}, delta = ${guarantee.delta}; see the trade-off curve`,
    ],
    ['164.312(a) access control', `${log.accessDecisions} decisions in the log`],
    ['164.312(b) audit controls', `transparency log with ${log.leaves} leaves, verified for this sheet`],
    ['164.312(c) integrity', `model sha256:${card.modelDigest ?? ''}, every file by digest`],
    [
      '164.312(e) transmission security',
      card.mode === 'served'
        ? `TLS 1.3 where the coordinator is given a certificate; ${CONTRIBUTION_RISK[card.aggregation] ?? 'contributions are in the clear within it'}`
        : 'nothing was transmitted: one machine held the run',
    ],
    ['164.316(b)(2) retention of six years', controller.retention ?? missing('retention')],
    [
      '164.502(b) minimum necessary',
      card.mode === 'single-party'
        ? 'one party holds the data; only the model leaves it'
        : 'data stays with the participants; one sum a round leaves them together',
    ],
  ];
  const table = rows.map(([left, right]) => `| ${left} | ${right.replaceAll('|', '\\|')} |`).join('\n');
  return `${heading(card, 'HIPAA sheet')}\n| rule | |\n|---|---|\n${table}\n`;
}
