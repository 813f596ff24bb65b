/**
 * Drivers of things outside: devices that make evidence of trusted execution environments, worker threads.
 *
 * @module
 */

export { AlertError, type AlertErrorCode } from './alerts/errors.ts';
export { createMailSink, type MailOptions } from './alerts/mail.ts';
export { createWebhookSink, type WebhookOptions } from './alerts/webhook.ts';
export { type CertificateTable, readCertificateTable } from './attestation/certificate-table.ts';
export { type ConfidentialSpaceOptions, createConfidentialSpaceSource } from './attestation/confidential-space.ts';
export { createTsmSource, type TsmFiles, type TsmOptions } from './attestation/configfs-tsm.ts';
export {
  createEvidenceSource,
  EVIDENCE_DEVICES,
  type EvidenceDevice,
  listEvidenceDevices,
} from './attestation/detect.ts';
export { createPerlIoctlPort, type IoctlPort, type IoctlRequest, type IoctlResponse } from './attestation/ioctl.ts';
export { createNsmSource, NSM_IOCTL_RAW, type NsmOptions } from './attestation/nsm.ts';
export {
  createSevGuestSource,
  SNP_GET_EXT_REPORT,
  SNP_GET_REPORT,
  type SevGuestOptions,
} from './attestation/sev-guest.ts';
export { createInsecureSimulatedSource } from './attestation/simulated.ts';
export { assembleSnpEvidence, type SnpCertificates } from './attestation/snp-evidence.ts';
export {
  createFileKeeper,
  createKeyringKeeper,
  createKmsKeeper,
  createPassphraseKeeper,
  type KeyringModule,
  type KmsAdapter,
} from './keys/keepers.ts';
export { createSigstoreAnchor } from './sigstore.ts';
export { startPaillierWorkers } from './paillier-workers.ts';
export {
  type Attributes,
  createTelemetry,
  type MetricFamily,
  type Telemetry,
  type TelemetryOptions,
  type TelemetrySpan,
} from './telemetry/otlp.ts';
export { TelemetryError } from './telemetry/settings.ts';
export { TlsError, type TlsErrorCode } from './tls/errors.ts';
export { createPinnedFetch, parseFingerprint, type PinnedFetchOptions } from './tls/pinned-fetch.ts';
export { createSelfSignedCertificate, fingerprintOfPem, type TlsIdentity } from './tls/self-signed.ts';
export { createHttpWitness, type HttpWitnessOptions } from './witness/http-witness.ts';
