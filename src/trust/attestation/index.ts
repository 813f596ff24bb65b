/**
 * Evidence of trusted execution environments: verification offline, policy, binding, and the gate that lets nothing out
 * before the evidence is checked.
 *
 * @module
 */

export {
  type AttestationBinding,
  computeNonceKeyReportData,
  computeReportData,
  computeTokenNonce,
  NONCE_BYTES,
} from './binding.ts';
export { AttestationError, type AttestationErrorCode } from './errors.ts';
export {
  computeEvidenceDigest,
  decodeEvidence,
  encodeEvidence,
  type Evidence,
  type TrustContext,
  verifyEvidence,
} from './evidence.ts';
export { answerChallenge, type AttesterOptions, type EvidenceRequest, type EvidenceSource } from './gate/attester.ts';
export {
  type Admission,
  type AttestationAnswer,
  type AttestationGate,
  createAttestationGate,
  type GateOptions,
} from './gate/gate.ts';
export { type GuardedTransport, guardTransport, type Transport } from './gate/guarded-transport.ts';
export {
  type AttestationRecord,
  createRecord,
  describeRecord,
  exportRecord,
  type RecordSource,
  type RecordView,
  viewRecord,
} from './gate/record.ts';
export { computeTranscriptDigest, extendTranscript, type TranscriptEntry } from './gate/transcript.ts';
export { type DcapCollateral, parseDcapCollateral } from './intel/collateral.ts';
export { decodeIntelQuote, type IntelQuote, type SgxReportBody, type TdReportBody } from './intel/quote.ts';
export { verifyIntelQuote } from './intel/verify.ts';
export { decodeNitroDocument, type NitroDocument } from './nitro/document.ts';
export { verifyNitroDocument } from './nitro/verify.ts';
export { type AttestationDecision, evaluatePolicy, type PolicyContext } from './policy/evaluate.ts';
export { pinnedLog, pinnedSigners, pinnedTokenKeys } from './policy/pinned.ts';
export {
  type AttestationPolicy,
  attestationPolicySchema,
  parseAttestationPolicy,
  requireAttestationSchema,
} from './policy/policy.ts';
export {
  type Comid,
  type Corim,
  type CorimEnvironment,
  type CorimMeasurement,
  type CorimReference,
  decodeCorim,
  referenceValuesOfCorim,
} from './reference/corim.ts';
export {
  matchesReference,
  parseReferenceValues,
  type ReferenceEntry,
  type ReferenceSet,
  type ReferenceValues,
} from './reference/reference-values.ts';
export {
  dssePreAuthentication,
  REFERENCE_PAYLOAD_TYPE,
  type ReferenceLog,
  type ReferenceSigner,
  type SignedReferences,
  signReferenceValues,
  verifyReferences,
} from './reference/signed-references.ts';
export {
  type AttestationResult,
  type ChainEntry,
  type Check,
  type Refusal,
  type TcbStatus,
  TEE_KINDS,
  type TeeKind,
  type UnsignedRange,
  type Verdict,
} from './result.ts';
export { createTrustRoot, type TrustRoot, type TrustRoots } from './roots/trust-root.ts';
export { vendorRoots } from './roots/vendor-roots.ts';
export {
  createSealingKey,
  SEALED_OVERHEAD_BYTES,
  sealContribution,
  type SealContext,
  type SealingKey,
} from './sealing.ts';
export {
  createSimulatedTee,
  SIMULATED_BANNER,
  type SimulatedClaims,
  type SimulatedTee,
  simulatedRoot,
  withInsecureSimulatedRoot,
} from './simulated/evidence.ts';
export { decodeSnpReport, SNP_REPORT_BYTES, type SnpReport } from './snp/report.ts';
export { type SnpCollateral, verifySnpReport } from './snp/verify.ts';
export { type Certificate, parseCertificate } from './x509/certificate.ts';
export { type VerifiedChain, verifyChain } from './x509/chain.ts';
export {
  decodeDirectoryString,
  OID_EXTENDED_KEY_USAGE,
  readAlternativeNames,
  readExtendedKeyUsage,
} from './x509/extensions.ts';
export { parseRevocationList, type RevocationList } from './x509/revocation-list.ts';
export { readKeyKind, verifyX509Signature } from './x509/signature.ts';
export { decodeBase64, decodeHex, decodePemCertificates, encodeBase64, printable } from './text-encodings.ts';
export { verifyAzureToken } from './tokens/azure.ts';
export type { TokenOptions } from './tokens/claims.ts';
export { verifyConfidentialSpaceToken } from './tokens/confidential-space.ts';
export { type KeySet, parseKeySet } from './tokens/key-set.ts';
