/** Nitro documents of our own: root, two authorities, leaf, COSE_Sign1. */
import { encodeCbor } from '../../../src/trust/attestation/cbor.ts';
import { coseSigStructure } from '../../../src/trust/attestation/cose.ts';
import type { TrustRoots } from '../../../src/trust/attestation/index.ts';
import { type Identity, issue, type IssueOptions, NOW, rootOf, signRaw } from './authority.ts';

export interface NitroFields {
  readonly pcrs?: ReadonlyMap<number, Uint8Array>;
  readonly userData?: Uint8Array | null;
  readonly nonce?: Uint8Array | null;
  readonly publicKey?: Uint8Array | null;
  readonly timestampMs?: number;
  readonly cabundle?: readonly Uint8Array[];
  readonly protectedHeader?: ReadonlyMap<number, unknown>;
  readonly unprotectedHeader?: unknown;
  /** More entries of the payload, or other values. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

export interface NitroWorld {
  readonly root: Identity;
  readonly leaf: Identity;
  readonly roots: Pick<TrustRoots, 'aws'>;
  attest(fields?: NitroFields): Promise<Uint8Array>;
}

export const PCRS: ReadonlyMap<number, Uint8Array> = new Map(
  Array.from({ length: 16 }, (_, index) => [index, new Uint8Array(48).fill(index < 3 ? index + 1 : 0)]),
);

export async function createNitroWorld({
  leaf = {},
  zonal = {},
}: {
  readonly leaf?: Partial<IssueOptions>;
  readonly zonal?: Partial<IssueOptions>;
} = {}): Promise<NitroWorld> {
  const root = await issue({ name: 'aws.nitro-enclaves', kind: 'P-384', authority: true });
  const regional = await issue({ name: 'region.aws.nitro-enclaves', kind: 'P-384', issuer: root, authority: true });
  const zone = await issue({
    name: 'zone.aws.nitro-enclaves',
    kind: 'P-384',
    issuer: regional,
    authority: true,
    ...zonal,
  });
  const end = await issue({ name: 'i-0123-enc', kind: 'P-384', issuer: zone, ...leaf });
  return {
    root,
    leaf: end,
    roots: { aws: [rootOf(root)] },
    async attest(fields = {}) {
      const payload = encodeCbor({
        module_id: 'i-0123-enc',
        digest: 'SHA384',
        timestamp: fields.timestampMs ?? NOW.getTime(),
        pcrs: fields.pcrs ?? PCRS,
        certificate: end.der,
        cabundle: fields.cabundle ?? [root.der, regional.der, zone.der],
        public_key: fields.publicKey ?? null,
        user_data: fields.userData ?? null,
        nonce: fields.nonce ?? null,
        ...fields.extra,
      });
      const header = encodeCbor(fields.protectedHeader ?? new Map([[1, -35]]));
      const signature = await signRaw(end, coseSigStructure(header, payload));
      return encodeCbor([
        header,
        fields.unprotectedHeader === undefined ? new Map() : fields.unprotectedHeader,
        payload,
        signature,
      ]);
    },
  };
}
