/**
 * Recognisers that are not of one country: cards, accounts, addresses on networks, wallets.
 *
 * @module
 */

import { compact, digitsOf, isBase58Check, isBech32, isLuhn, isMod97 } from '../checksums.ts';
import type { Recognizer } from '../recognizer.ts';

/** IBAN lengths by country, from the SWIFT registry. */
const IBAN_LENGTHS: Readonly<Record<string, number>> = Object.fromEntries(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 ' +
    'FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 ' +
    'LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 ' +
    'RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

const CREDIT_CARD: Recognizer = {
  type: 'CREDIT_CARD',
  digits: true,
  patterns: [
    {
      // Visa, Mastercard (also the 2-series), American Express, Diners, Discover, JCB, UnionPay, Maestro.
      regex:
        /(?<![\d.\-–])(?:(?:4\d{3}|5[0-8]\d{2}|6\d{3}|2[2-7]\d{2}|3528|35[3-8]\d|8600)(?:[ \-–]?\d{4}){3}(?:[ \-–]?\d{3})?|3[47]\d{2}[ \-–]?\d{6}[ \-–]?\d{5}|3(?:0[0-5]|[689]\d)\d[ \-–]?\d{6}[ \-–]?\d{4})(?![-–]?\d)/g,
      score: 0.3,
    },
    // UATP, of airlines: fifteen digits that begin with 1, as many other numbers do.
    { regex: /(?<![\d.\-–])1\d{3}[ \-–]?\d{5}[ \-–]?\d{6}(?![-–]?\d)/g, score: 0.1, confirmed: 0.45 },
  ],
  check: (text) => isLuhn(digitsOf(text)),
  context: ['credit', 'card', 'visa', 'mastercard', 'amex', 'debit', 'payment'],
};

const IBAN: Recognizer = {
  type: 'IBAN_CODE',
  digits: true,
  patterns: [
    {
      regex:
        /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[A-Z0-9]{11,30}|(?:[ -][A-Z0-9]{4}){2,7}(?:[ -][A-Z0-9]{1,3})?)(?![A-Za-z0-9])/g,
      score: 0.5,
    },
    {
      regex:
        /(?<![A-Za-z0-9])[a-z]{2}\d{2}(?:[a-z0-9]{11,30}|(?: [a-z0-9]{4}){2,7}(?: [a-z0-9]{1,3})?)(?![A-Za-z0-9])/g,
      score: 0.5,
    },
  ],
  check(text) {
    const plain = compact(text);
    return IBAN_LENGTHS[plain.slice(0, 2)] === plain.length && isMod97(plain);
  },
  context: ['iban', 'bank', 'transfer', 'account', 'konto'],
};

const EMAIL: Recognizer = {
  type: 'EMAIL_ADDRESS',
  patterns: [
    {
      regex:
        /(?<![A-Za-z0-9_%+&!#$*~^.'-])(?:[A-Za-z0-9_%+&!#$*~^-]{1,64}(?:[.'][A-Za-z0-9_%+&!#$*~^-]{1,64}){0,8})@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}(?:[A-Za-z]{2,24}|xn--[a-z0-9-]{2,59})(?![A-Za-z0-9@-])/g,
      score: 1,
    },
  ],
};

const IP: Recognizer = {
  type: 'IP_ADDRESS',
  patterns: [
    {
      regex:
        /(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\/(?:3[0-2]|[12]?\d))?(?!\d|\.\d)/g,
      score: 0.6,
    },
    {
      regex:
        /(?<![A-Za-z0-9:.])(?=[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]*:)[0-9A-Fa-f:]{2,39}(?:\d{1,3}(?:\.\d{1,3}){3})?(?:%[A-Za-z0-9]+)?(?:\/\d{1,3})?(?![A-Za-z0-9:]|\.\d)/g,
      score: 0.6,
    },
  ],
  check: (text) => (text.includes(':') ? isIpv6(text) : undefined),
  context: ['ip', 'ipv4', 'ipv6', 'address', 'host', 'server', 'ping'],
};

function isIpv6(text: string): boolean {
  const [address = '', prefix] = text.replace(/%[A-Za-z0-9]+/, '').split('/');
  if (prefix !== undefined && Number(prefix) > 128) return false;
  const four = /:(\d{1,3}(?:\.\d{1,3}){3})$/.exec(address)?.[1];
  if (four !== undefined && four.split('.').some((part) => Number(part) > 255)) return false;
  const plain = four === undefined ? address : address.slice(0, -four.length) + '0:0';
  const halves = plain.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  if (groups.some((group) => !/^[0-9A-Fa-f]{1,4}$/.test(group))) return false;
  // A bare "::" or one with hardly anything around it is punctuation more often than an address.
  if (halves.length === 2)
    return (
      plain === '::1' ||
      (groups.length <= 7 &&
        groups.join('').length >= 2 &&
        (groups.length > 1 || /^(?:fe80|f[cd]|ff|2)/i.test(groups[0] ?? '')))
    );
  return groups.length === 8;
}

const MAC: Recognizer = {
  type: 'MAC_ADDRESS',
  patterns: [
    { regex: /(?<![0-9A-Fa-f:-])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:-])/g, score: 0.9 },
    { regex: /(?<![0-9A-Fa-f:-])(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:-])/g, score: 0.9 },
    { regex: /(?<![0-9A-Fa-f.])[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}(?![0-9A-Fa-f.])/g, score: 0.6 },
  ],
  check: (text) =>
    /^(?:0+[:.-]?)+$/.test(text) || /^(?:[Ff]+[:.-]?)+$/.test(text) || (text.includes('.') && /^[\d.]+$/.test(text))
      ? false
      : undefined,
  context: ['mac', 'hardware', 'ethernet', 'wifi', 'bluetooth', 'device'],
};

/** Top-level domains that make a bare host name a web address. */
const DOMAINS =
  'com|org|net|edu|gov|mil|int|info|biz|io|ai|app|dev|co|me|tv|xyz|online|site|shop|store|cloud|tech|blog|health|uk|de|fr|es|it|nl|be|ch|at|se|no|dk|fi|pl|cz|pt|ie|gr|ru|ua|tr|il|in|cn|jp|kr|tw|hk|sg|my|th|ph|vn|id|au|nz|za|ng|ke|eg|br|mx|ar|cl|ca|us|eu';
const URL_TAIL = String.raw`(?::\d{2,5})?(?:[/?#](?:[^\s<>"'\x60{}|\\^\[\]]*[^\s<>"'\x60{}|\\^\[\].,;:!?)(])?\/?)?`;

const URLS: Recognizer = {
  type: 'URL',
  patterns: [
    {
      regex: new RegExp(
        String.raw`(?<![A-Za-z0-9])(?:https?|ftps?|sftp|wss?):\/\/(?:[^\s<>"'\/@]+@)?(?:\[[0-9A-Fa-f:.]+\]|[\p{L}\p{N}](?:[\p{L}\p{N}.-]*[\p{L}\p{N}])?)${URL_TAIL}`,
        'giu',
      ),
      score: 1,
    },
    {
      regex: new RegExp(
        String.raw`(?<![A-Za-z0-9@./-])www\.(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24}(?![A-Za-z0-9-])${URL_TAIL}`,
        'gi',
      ),
      score: 0.9,
    },
    {
      regex: new RegExp(
        String.raw`(?<![A-Za-z0-9@./_-])(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,4}(?:${DOMAINS})(?![A-Za-z0-9@-]|\.[A-Za-z0-9])${URL_TAIL}`,
        'g',
      ),
      score: 0.6,
    },
  ],
  // "e.g.in", "Inc.is": what looks like a host but has a part of one letter before a common word.
  check: (text) => (/^[a-z]\.[a-z]{2}$/i.test(text) ? false : undefined),
};

const CRYPTO: Recognizer = {
  type: 'CRYPTO',
  patterns: [
    { regex: /(?<![A-Za-z0-9])[13mn2][1-9A-HJ-NP-Za-km-z]{25,34}(?![A-Za-z0-9])/g, score: 0.3 },
    { regex: /(?<![A-Za-z0-9])(?:bc1|tb1|BC1|TB1)[02-9AC-HJ-NP-Zac-hj-np-z]{11,87}(?![A-Za-z0-9])/g, score: 0.5 },
    { regex: /(?<![A-Za-z0-9])0x[0-9A-Fa-f]{40}(?![A-Za-z0-9])/g, score: 0.9 },
  ],
  check(text) {
    if (text.startsWith('0x')) return undefined;
    return /^(?:bc1|tb1)/i.test(text) ? isBech32(text) : isBase58Check(text);
  },
  context: ['wallet', 'bitcoin', 'btc', 'crypto', 'ethereum', 'address'],
};

/** Cards, accounts, networks, wallets. */
export const GLOBAL_RECOGNIZERS: readonly Recognizer[] = [CREDIT_CARD, IBAN, EMAIL, IP, MAC, URLS, CRYPTO];
