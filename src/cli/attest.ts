/**
 * `sotto attest`: checks evidence of trusted execution environments, shows the pinned roots, and makes evidence on
 * machines that can.
 *
 * @module
 */

import { existsSync, statSync, writeFileSync } from 'node:fs';
import { styleText } from 'node:util';

import { Command } from 'commander';
import { parse as parseYaml } from 'yaml';

import { fromHex, toHex } from '../foundations/crypto/index.ts';
import { createInsecureSimulatedSource } from '../runtime/drivers/index.ts';
import {
  answerChallenge,
  AttestationError,
  type AttestationDecision,
  type AttestationPolicy,
  computeEvidenceDigest,
  type Evidence,
  evaluatePolicy,
  parseAttestationPolicy,
  parseKeySet,
  pinnedLog,
  pinnedSigners,
  pinnedTokenKeys,
  type PolicyContext,
  printable,
  type ReferenceSet,
  SIMULATED_BANNER,
  type TrustContext,
  vendorRoots,
  type Verdict,
  verifyEvidence,
  verifyReferences,
  withInsecureSimulatedRoot,
} from '../trust/attestation/index.ts';
import { type EvidenceFiles, readEvidenceFile, readText } from './attest-file.ts';
import { createPublishCommand } from './attest-publish.ts';
import { createShowCommand } from './attest-show.ts';
import { createKitSource, readEvidenceKit, readSignedReferences } from './evidence-kit.ts';
import { UsageError } from './exit-codes.ts';

interface VerifyOptions extends EvidenceFiles {
  readonly policy?: string;
  readonly at?: string;
  readonly nonce?: string;
  readonly publicKey?: string;
  readonly taskPolicy?: string;
  readonly code?: string;
  readonly reference?: readonly string[];
  readonly receipt?: readonly string[];
  readonly jwks?: string;
  readonly audience?: string;
  readonly insecureSimulatedAttestation?: boolean;
  readonly json?: boolean;
}

/** The world of the command; tests put their own in. */
export interface AttestIo {
  readonly print: (text: string) => void;
  readonly warn: (text: string) => void;
  readonly setExitCode: (code: number) => void;
  readonly now: () => Date;
}

const terminal: AttestIo = {
  print: (text) => console.log(text),
  warn: (text) => console.error(styleText(['bgRed', 'white', 'bold'], text, { stream: process.stderr })),
  setExitCode: (code) => {
    process.exitCode = code;
  },
  now: () => new Date(),
};

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** Creates the command with its subcommands. */
export function createAttestCommand(io: AttestIo = terminal): Command {
  const verify = new Command('verify')
    .description('Verify evidence of a trusted execution environment, offline.')
    .argument('<file>', 'an envelope, or a bare report, quote, document or token; binary or base64')
    .option('--policy <file>', 'attestation policy, YAML or JSON; without one the vendor’s signatures alone decide')
    .option('--at <time>', 'time to judge at, ISO 8601 (default: now)')
    .option('--nonce <hex>', 'the nonce that the evidence must carry')
    .option('--public-key <hex>', 'the key that the evidence must bind')
    .option('--task-policy <hex>', 'digest of the task policy that the evidence must bind')
    .option('--code <hex>', 'digest of the code that the evidence must bind')
    .option('--endorsement <file>', 'VCEK or VLEK of a bare SEV-SNP report, DER or PEM')
    .option('--chain <file>', 'ASK and ARK of a bare SEV-SNP report, PEM')
    .option('--crl <file>', 'revocation list of AMD, DER')
    .option('--collateral <file>', 'DCAP collateral of a bare quote, JSON')
    .option('--reference <file>', 'signed reference values, DSSE or CoRIM; may be given again', collect)
    .option('--receipt <file>', 'the log’s receipt of the reference values; once for each --reference', collect)
    .option('--jwks <file>', 'public keys of the token service (default: those of the policy)')
    .option('--audience <text>', 'audience that a token must name')
    .option('--insecure-simulated-attestation', 'accept simulated evidence, which protects nothing')
    .option('--json', 'print one JSON document')
    .exitOverride()
    .action((file: string, options: VerifyOptions) => verifyFile(file, options, io));
  const roots = new Command('roots')
    .description('List the pinned roots of the vendors.')
    .option('--json', 'print one JSON document')
    .exitOverride()
    .action((options: { json?: boolean }) => listRoots(options, io));
  const evidence = new Command('evidence')
    .description('Make evidence on this machine, bound to a nonce, a key, a task policy and code.')
    .requiredOption('--nonce <hex>', 'the asker’s nonce, 32 bytes')
    .requiredOption('--public-key <hex>', 'the key to bind, raw X25519')
    .requiredOption('--task-policy <hex>', 'digest of the task policy')
    .requiredOption('--code <hex>', 'digest of the code')
    .requiredOption('--out <file>', 'where the envelope is written')
    .option('--with <file>', 'certificates and collateral that go with the evidence, YAML')
    .option('--insecure-simulated-attestation <measurement>', 'simulate an environment with this measurement, 48 bytes')
    .option('--json', 'print { file, sizeBytes } as JSON')
    .exitOverride()
    .action((options: EvidenceOptions) => makeEvidence(options, io));
  const code = new Command('code')
    .description('Compute the digest of code: of this installation, or of an unpacked package.')
    .argument('[folder]', 'folder of the code: `dist` of a package, `src` of a checkout')
    .option('--json', 'print { codeDigest } as JSON')
    .exitOverride()
    .action((folder: string | undefined, options: { json?: boolean }) => printCodeDigest(folder, options, io));
  return new Command('attest')
    .description('Check what runs inside a trusted execution environment.')
    .addCommand(verify)
    .addCommand(roots)
    .addCommand(evidence)
    .addCommand(code)
    .addCommand(createPublishCommand(io))
    .addCommand(createShowCommand(io));
}

function hexOption(text: string | undefined, name: string, sizeBytes?: number): Uint8Array | undefined {
  if (text === undefined) return undefined;
  if (!/^(?:[0-9a-fA-F]{2})+$/.test(text) || (sizeBytes !== undefined && text.length !== 2 * sizeBytes)) {
    throw new UsageError(`--${name} must be ${sizeBytes ?? 'whole'} bytes in hexadecimal, got "${text}"`);
  }
  return fromHex(text);
}

function timeOption(text: string | undefined, io: AttestIo): Date {
  const at = text === undefined ? io.now() : new Date(text);
  if (Number.isNaN(at.getTime())) throw new UsageError(`--at must be a time in ISO 8601, got "${text ?? ''}"`);
  return at;
}

/** Mistakes in files that the user wrote are wrong usage, not a verdict on the evidence. */
function asUsage<T>(what: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function readPolicy(path: string, insecureSimulated: boolean): AttestationPolicy {
  return asUsage(path, () => parseAttestationPolicy(parseYaml(readText(path)), { insecureSimulated }));
}

async function readReferences(
  { reference = [], receipt = [] }: VerifyOptions,
  policy: AttestationPolicy | undefined,
  at: Date,
): Promise<readonly ReferenceSet[]> {
  if (reference.length === 0 && receipt.length === 0) return [];
  if (policy?.references === undefined) throw new UsageError('--reference needs a policy that names its publishers');
  if (receipt.length > 0 && receipt.length !== reference.length) {
    throw new UsageError('--receipt is given once for each --reference, in their order');
  }
  const { log, signers } = asUsage('policy', () => ({ log: pinnedLog(policy), signers: pinnedSigners(policy) }));
  const { requireLogged } = policy.references;
  if (requireLogged && log === undefined) {
    throw new UsageError('references.requireLogged: name the keys of the log in references.log of the policy');
  }
  const wanted = requireLogged && log !== undefined ? { log } : {};
  return Promise.all(
    reference.map((path, i) => verifyReferences(readSignedReferences(path, receipt[i]), { signers, at, ...wanted })),
  );
}

type Binding = AttestationPolicy['binding'];
const BINDINGS = ['none', 'nonce', 'nonce-key', 'sotto'] as const satisfies readonly Binding[];

/** The binding that the given parts ask for. Parts that no binding would look at are wrong usage: nothing is let pass. */
function bindingAsked({ nonce, publicKey, taskPolicyDigest, codeDigest }: Partial<PolicyContext>): Binding {
  if (taskPolicyDigest !== undefined || codeDigest !== undefined) {
    if ([nonce, publicKey, taskPolicyDigest, codeDigest].includes(undefined)) {
      throw new UsageError('--task-policy and --code are bound together with --nonce and --public-key: give all four');
    }
    return 'sotto';
  }
  if (publicKey === undefined) return nonce === undefined ? 'none' : 'nonce';
  if (nonce === undefined) throw new UsageError('--public-key is bound together with --nonce: give both');
  return 'nonce-key';
}

/** Judges by the policy, and by whatever parts were given: these must be bound, with a policy or without one. */
function judge(verdict: Verdict, policy: AttestationPolicy | undefined, context: PolicyContext): AttestationDecision {
  const asked = bindingAsked(context);
  if (policy !== undefined) {
    if (policy.binding === 'none') return evaluatePolicy(verdict, { ...policy, ...demanding(asked, context) }, context);
    if (BINDINGS.indexOf(asked) > BINDINGS.indexOf(policy.binding)) {
      throw new UsageError(`the policy's binding "${policy.binding}" does not look at all that was given`);
    }
    return evaluatePolicy(verdict, policy, context);
  }
  const { ok, result, checks, refusals } = verdict;
  const simulated = result?.tee === 'simulated';
  if (asked === 'none' || result === undefined) return { accepted: ok, simulated, checks, refusals };
  const lax = parseAttestationPolicy(
    {
      tees: [result.tee],
      binding: 'none',
      debug: 'allow',
      requireRevocationCheck: false,
      maximumVmpl: 3,
      acceptedTcbStatuses: [result.tcbStatus === 'Revoked' ? 'UpToDate' : result.tcbStatus],
      acceptedAdvisories: result.advisoryIds,
      maxAgeSeconds: 86_400,
    },
    { insecureSimulated: simulated },
  );
  return evaluatePolicy(verdict, { ...lax, ...demanding(asked, context) }, context);
}

/** The binding as a policy demands it; code that was given is the code that is accepted. */
function demanding(binding: Binding, { codeDigest }: PolicyContext): Partial<AttestationPolicy> {
  return { binding, ...(codeDigest === undefined ? {} : { codeDigests: [toHex(codeDigest)] }) };
}

async function verifyFile(file: string, options: VerifyOptions, io: AttestIo): Promise<void> {
  const at = timeOption(options.at, io);
  const insecureSimulated = options.insecureSimulatedAttestation ?? false;
  const policy = options.policy === undefined ? undefined : readPolicy(options.policy, insecureSimulated);
  const nonce = hexOption(options.nonce, 'nonce');
  const publicKey = hexOption(options.publicKey, 'public-key', 32);
  const taskPolicyDigest = hexOption(options.taskPolicy, 'task-policy', 32);
  const codeDigest = hexOption(options.code, 'code', 32);
  const keysPath = options.jwks;
  const keys = keysPath === undefined ? undefined : asUsage(keysPath, () => parseKeySet(readText(keysPath)));
  const roots = insecureSimulated ? withInsecureSimulatedRoot(vendorRoots()) : vendorRoots();
  const pinned = policy === undefined ? {} : pinnedTokenKeys(policy);
  const trust: TrustContext = {
    roots,
    at,
    tokenKeys: keys === undefined ? pinned : { gcp: keys, azure: keys },
    ...(options.audience === undefined ? {} : { audience: options.audience }),
  };
  let evidence: Evidence | undefined;
  let verdict: Verdict;
  let decision: AttestationDecision;
  try {
    const references = await readReferences(options, policy, at);
    evidence = readEvidenceFile(file, options);
    verdict = await verifyEvidence(evidence, trust);
    decision = judge(verdict, policy, {
      at,
      references,
      insecureSimulated,
      ...(nonce ? { nonce } : {}),
      ...(publicKey ? { publicKey } : {}),
      ...(taskPolicyDigest ? { taskPolicyDigest } : {}),
      ...(codeDigest ? { codeDigest } : {}),
    });
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error;
    verdict = { ok: false, checks: [], refusals: [{ code: error.code, message: error.message }] };
    decision = { accepted: false, simulated: false, checks: [], refusals: verdict.refusals };
  }
  if (decision.simulated) io.warn(SIMULATED_BANNER);
  const report = { file, at, policy: options.policy, evidence, verdict, decision };
  io.print(options.json === true ? toJson(report) : toText(report));
  io.setExitCode(decision.accepted ? 0 : 1);
}

interface Report {
  readonly file: string;
  readonly at: Date;
  readonly policy: string | undefined;
  readonly evidence: Evidence | undefined;
  readonly verdict: Verdict;
  readonly decision: AttestationDecision;
}

function toJson({ file, at, policy, evidence, verdict, decision }: Report): string {
  return JSON.stringify({
    ok: decision.accepted,
    file,
    at: at.toISOString(),
    policy: policy ?? null,
    insecureSimulated: decision.simulated,
    evidenceDigest: evidence === undefined ? null : toHex(computeEvidenceDigest(evidence)),
    matched: decision.matched ?? null,
    result: verdict.result ?? null,
    checks: decision.checks,
    refusals: decision.refusals,
  });
}

function toText({ file, policy, verdict, decision }: Report): string {
  const { result } = verdict;
  const prefix = decision.simulated ? '[SIMULATED] ' : '';
  const row = (name: string, value: string) => `  ${name.padEnd(18)} ${value}`;
  const lines = [
    `${file}: ${decision.accepted ? 'verified' : 'REFUSED'}${policy === undefined ? '' : ` under ${policy}`}`,
  ];
  if (result !== undefined) {
    lines.push(
      row('environment', result.tee),
      row('vendor chain', result.vendorChainOk ? `holds, ${result.trustRoot?.name ?? 'given keys'}` : 'DOES NOT HOLD'),
      row('firmware state', [result.tcbStatus, ...result.advisoryIds].join(' ')),
      row('debug', result.debug ? 'YES: the operator can read the memory' : 'no'),
      row('judged at', result.validAt),
      ...(result.issuedAt === undefined ? [] : [row('made at', result.issuedAt)]),
      ...(result.validUntil === undefined ? [] : [row('holds until', result.validUntil)]),
      row('report data', result.reportData || '(none)'),
      ...Object.entries(result.measurements).map(([name, value]) => row(name, value)),
    );
  }
  for (const { name, ok, detail } of decision.checks) lines.push(`${ok ? '✓' : '✗'} ${name}: ${detail}`);
  for (const warning of result?.warnings ?? []) lines.push(`! ${warning}`);
  if (policy === undefined) lines.push('! no policy given: measurements, firmware state and freshness decide nothing');
  for (const { code, message } of decision.refusals) lines.push(`refused (${code}): ${message}`);
  return lines.map((line) => prefix + printable(line)).join('\n');
}

function listRoots({ json }: { readonly json?: boolean }, io: AttestIo): void {
  const { amd, intel, aws } = vendorRoots();
  const rows = [...amd, ...intel, ...aws].map(({ name, sha256 }) => ({ name, sha256 }));
  io.print(
    json === true ? JSON.stringify(rows) : rows.map(({ name, sha256 }) => `${name.padEnd(28)} ${sha256}`).join('\n'),
  );
}

/** The digest that a coordinator binds, so that who has its sources can name it in a policy. */
async function printCodeDigest(
  folder: string | undefined,
  { json }: { readonly json?: boolean },
  io: AttestIo,
): Promise<void> {
  if (folder !== undefined && !(existsSync(folder) && statSync(folder).isDirectory())) {
    throw new UsageError(`${folder} is not a folder`);
  }
  const { computeCodeDigest } = await import('../runtime/coordinator/index.ts');
  const codeDigest = toHex(folder === undefined ? computeCodeDigest() : computeCodeDigest(folder));
  io.print(json === true ? JSON.stringify({ codeDigest }) : codeDigest);
}

interface EvidenceOptions {
  readonly nonce: string;
  readonly publicKey: string;
  readonly taskPolicy: string;
  readonly code: string;
  readonly out: string;
  readonly with?: string;
  readonly insecureSimulatedAttestation?: string;
  readonly json?: boolean;
}

async function makeEvidence(options: EvidenceOptions, io: AttestIo): Promise<void> {
  const bytes = (text: string, name: string) => hexOption(text, name, 32) as Uint8Array;
  const nonce = bytes(options.nonce, 'nonce');
  const binding = {
    publicKey: bytes(options.publicKey, 'public-key'),
    taskPolicyDigest: bytes(options.taskPolicy, 'task-policy'),
    codeDigest: bytes(options.code, 'code'),
  };
  const measurement = options.insecureSimulatedAttestation;
  hexOption(measurement, 'insecure-simulated-attestation', 48);
  const source =
    measurement === undefined
      ? createKitSource(options.with === undefined ? undefined : readEvidenceKit(options.with))
      : createInsecureSimulatedSource({ measurement }, { warn: io.warn, clock: io.now });
  const { evidence } = await answerChallenge(nonce, { source, ...binding });
  writeFileSync(options.out, evidence);
  const made = { file: options.out, sizeBytes: evidence.length };
  io.print(options.json === true ? JSON.stringify(made) : `${made.file}: ${made.sizeBytes} bytes`);
}
