/** Certificate authorities and certificates, made in memory for one test. */
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import './reflect-metadata.js';
import type { JsonGeneralName, X509Certificate } from '@peculiar/x509';

// When it is loaded, Reflect must be complete already; static imports of CommonJS come before ours.
const x509 = await import('@peculiar/x509');

/** PEM texts. */
export interface TestCertificate {
  readonly cert: string;
  /** PKCS#8, not encrypted. */
  readonly key: string;
}

export interface CertificateRequest {
  /** Common name. Default `node`. */
  readonly name?: string;
  /** IP addresses and DNS names it is valid for. Default 127.0.0.1 and localhost. */
  readonly hosts?: readonly string[];
  /** Default: since yesterday. */
  readonly notBefore?: Date;
  /** Default: for 90 days. */
  readonly notAfter?: Date;
  /** Default: both. */
  readonly usages?: readonly ('server' | 'client')[];
}

export interface TestAuthority {
  /** The certificate of the authority, PEM. */
  readonly cert: string;
  issue(request?: CertificateRequest): Promise<TestCertificate>;
}

const DAY_MS = 24 * 60 * 60_000;
const CURVE = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNING = { ...CURVE, hash: 'SHA-256' };
const USAGES = { server: x509.ExtendedKeyUsage.serverAuth, client: x509.ExtendedKeyUsage.clientAuth };

/** @param name common name; two authorities with one name are still two, with keys of their own */
export async function createAuthority(name = 'test authority'): Promise<TestAuthority> {
  const keys = await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
  const own = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=${name}`,
    ...validity({}),
    signingAlgorithm: SIGNING,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  return {
    cert: own.toString('pem'),
    issue: (request = {}) => issue(own, keys.privateKey, request),
  };
}

/** The same key behind a passphrase, as some tools write it. */
export function encryptKey(key: string, passphrase: string): string {
  return createPrivateKey(key)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase })
    .toString();
}

async function issue(
  authority: X509Certificate,
  signingKey: webcrypto.CryptoKey,
  request: CertificateRequest,
): Promise<TestCertificate> {
  const keys = await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${request.name ?? 'node'}`,
    issuer: authority.subject,
    ...validity(request),
    signingAlgorithm: SIGNING,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(
        (request.usages ?? ['server', 'client']).map((usage) => USAGES[usage]),
      ),
      new x509.SubjectAlternativeNameExtension(
        (request.hosts ?? ['127.0.0.1', 'localhost']).map(generalName),
      ),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  return { cert: cert.toString('pem'), key: key.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

function validity({ notBefore, notAfter }: CertificateRequest) {
  return {
    notBefore: notBefore ?? new Date(Date.now() - DAY_MS),
    notAfter: notAfter ?? new Date(Date.now() + 90 * DAY_MS),
  };
}

function generalName(host: string): JsonGeneralName {
  return { type: isIP(host) === 0 ? 'dns' : 'ip', value: host };
}

/** Positive, as serial numbers must be. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = 1;
  return bytes.toString('hex');
}
