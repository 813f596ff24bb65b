/**
 * The primitives on OpenSSL through `node:crypto`. Key objects are kept: importing a key costs as much as using it.
 *
 * @module
 */

import type { CryptoProvider } from './provider.ts';

type NodeCrypto = NonNullable<ReturnType<typeof globalThis.process.getBuiltinModule<'node:crypto'>>>;

// DER prefixes of [RFC8410]: PKCS #8 private keys and SubjectPublicKeyInfo, each followed by 32 raw bytes.
const PKCS8 = { x25519: '302e020100300506032b656e04220420', ed25519: '302e020100300506032b657004220420' };
const SPKI = { x25519: '302a300506032b656e032100', ed25519: '302a300506032b6570032100' };
const TAG_BYTES = 16;
/** Imported public keys that are kept: both keys of every member of a cohort of ten thousand, when one process plays all. */
const MAX_PUBLIC_KEYS = 32_768;

/** Creates the provider on the given `node:crypto` module. */
export function createNodeProvider(node: NodeCrypto): CryptoProvider {
  type PublicKey = ReturnType<NodeCrypto['createPublicKey']>;
  const known = new Map<string, PublicKey>();

  function importPrivate(kind: keyof typeof PKCS8, raw: Uint8Array) {
    const key = Buffer.concat([Buffer.from(PKCS8[kind], 'hex'), raw]);
    const imported = node.createPrivateKey({ key, format: 'der', type: 'pkcs8' });
    key.fill(0);
    const publicKey = new Uint8Array(
      node.createPublicKey(imported).export({ format: 'der', type: 'spki' }).subarray(-32),
    );
    return { imported, publicKey };
  }

  function importPublic(kind: keyof typeof SPKI, raw: Uint8Array): PublicKey {
    const name = SPKI[kind] + Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString('latin1');
    let key = known.get(name);
    if (key === undefined) {
      key = node.createPublicKey({
        key: Buffer.concat([Buffer.from(SPKI[kind], 'hex'), raw]),
        format: 'der',
        type: 'spki',
      });
      if (known.size >= MAX_PUBLIC_KEYS) known.delete(known.keys().next().value as string);
      known.set(name, key);
    }
    return key;
  }

  return {
    name: 'node',
    importAgreementKey(privateKey) {
      const { imported, publicKey } = importPrivate('x25519', privateKey);
      return {
        publicKey,
        agree(peerPublicKey) {
          try {
            const shared = node.diffieHellman({
              privateKey: imported,
              publicKey: importPublic('x25519', peerPublicKey),
            });
            return new Uint8Array(shared.buffer, shared.byteOffset, shared.length);
          } catch {
            return undefined;
          }
        },
      };
    },
    importSigningKey(seed) {
      const { imported, publicKey } = importPrivate('ed25519', seed);
      return { publicKey, sign: (message) => new Uint8Array(node.sign(null, message, imported)) };
    },
    verify(publicKey, message, signature) {
      try {
        return node.verify(null, message, importPublic('ed25519', publicKey), signature);
      } catch {
        return false;
      }
    },
    seal(key, nonce, plaintext, associatedData) {
      const cipher = node.createCipheriv('aes-256-gcm', key, nonce);
      cipher.setAAD(associatedData);
      const out = new Uint8Array(plaintext.length + TAG_BYTES);
      out.set(cipher.update(plaintext));
      cipher.final();
      out.set(cipher.getAuthTag(), plaintext.length);
      return out;
    },
    open(key, nonce, sealed, associatedData) {
      const decipher = node.createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(associatedData);
      decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
      const plaintext = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
      try {
        decipher.final();
      } catch {
        plaintext.fill(0);
        return undefined;
      }
      return new Uint8Array(plaintext);
    },
    sha256(...parts) {
      const hash = node.createHash('sha256');
      for (const part of parts) hash.update(part);
      return new Uint8Array(hash.digest());
    },
  };
}
