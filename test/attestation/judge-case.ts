/** Judges evidence as `sotto attest verify` does: by the vendor's signatures, and by a policy where there is one. */
import {
  type Evidence,
  evaluatePolicy,
  parseAttestationPolicy,
  vendorRoots,
  verifyEvidence,
} from '../../src/trust/attestation/index.ts';

/** What is judged. Everything but the evidence is text, so that it crosses into a page. */
export interface JudgedCase {
  readonly name: string;
  readonly evidence: Evidence;
  /** ISO time to judge at. */
  readonly at: string;
  readonly policy?: Readonly<Record<string, unknown>>;
  /** Hexadecimal. */
  readonly nonce?: string;
  readonly publicKey?: string;
}

const fromHexText = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/** Judges one case. @returns the codes of its refusals. */
export async function judgeCase({ evidence, at, policy, nonce, publicKey }: JudgedCase): Promise<{
  readonly refused: boolean;
  readonly codes: readonly string[];
}> {
  const time = new Date(at);
  const verdict = await verifyEvidence(evidence, { roots: vendorRoots(), at: time });
  const decision =
    policy === undefined
      ? undefined
      : evaluatePolicy(verdict, parseAttestationPolicy(policy), {
          at: time,
          ...(nonce === undefined ? {} : { nonce: fromHexText(nonce) }),
          ...(publicKey === undefined ? {} : { publicKey: fromHexText(publicKey) }),
        });
  const { refusals } = decision ?? verdict;
  return { refused: !(decision?.accepted ?? verdict.ok), codes: refusals.map(({ code }) => code) };
}
