/** Certificates and keys of connections: read from files, and judged before they are used. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { PonosError } from '../base/error.js';

/** Paths of PEM files. */
export interface TlsFiles {
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly caFile?: string;
}

/** PEM texts that fit together. */
export interface TlsMaterial {
  /** This side's certificate, and those between it and its authority. */
  readonly cert?: string;
  readonly key?: string;
  /** Whom the other side's certificate must come from; absent: whom Node.js knows. */
  readonly ca?: string;
  /** When the first of them expires; undefined without any. */
  readonly expiresAtMs?: number;
}

/** Material that may be renewed. */
export interface TlsSource {
  readonly current: TlsMaterial;
  /** Calls the listener with each renewal. @returns ends that */
  onChange(listener: (material: TlsMaterial) => void): () => void;
}

type Texts = Pick<TlsMaterial, 'cert' | 'key' | 'ca'>;

/** @param at the section of the configuration, e.g. `grpc.tls` @throws PonosError FILE_UNREADABLE */
export async function readTlsFiles(files: TlsFiles, at: string): Promise<Texts> {
  const cert = await readPem(files.certFile, `${at}.certFile`);
  const key = await readPem(files.keyFile, `${at}.keyFile`);
  const ca = await readPem(files.caFile, `${at}.caFile`);
  return { cert, key, ca };
}

/** @throws PonosError CONFIG_INVALID that names the option, for what does not fit together or is not valid now */
export function checkTls(texts: Texts, at: string, nowMs: number): TlsMaterial {
  const { cert, key, ca } = texts;
  if ((cert === undefined) !== (key === undefined)) {
    throw invalid(
      `${at} has ${cert === undefined ? 'a key without its certificate' : 'a certificate without its key'}`,
      `Give ${at}.certFile and ${at}.keyFile together.`,
    );
  }
  const own = cert === undefined ? [] : parseCertificates(cert, `${at}.certFile`);
  const authorities = ca === undefined ? [] : parseCertificates(ca, `${at}.caFile`);
  const [leaf] = own;
  if (leaf !== undefined && key !== undefined && !leaf.checkPrivateKey(parseKey(key, `${at}.keyFile`))) {
    throw invalid(`${at}.keyFile is not the key of ${at}.certFile`, 'Give the two that were made together.');
  }
  for (const certificate of own) checkDates(certificate, `${at}.certFile`, nowMs);
  // One authority of many may have ended; a file with none that is valid trusts nobody.
  const valid = authorities.filter((certificate) => nowMs <= Date.parse(certificate.validTo));
  const [authority] = authorities;
  if (authority !== undefined && valid.length === 0) checkDates(authority, `${at}.caFile`, nowMs);
  try {
    createSecureContext(texts);
  } catch (cause) {
    throw invalid(
      `OpenSSL does not take what ${at} gives`,
      'See the cause; keys of RSA need 2048 bits.',
      cause,
    );
  }
  const ends = [...own, ...valid].map(({ validTo }) => Date.parse(validTo));
  return { ...texts, expiresAtMs: ends.length === 0 ? undefined : Math.min(...ends) };
}

async function readPem(file: string | undefined, at: string): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new PonosError('FILE_UNREADABLE', {
      message: `the file of ${at} cannot be read`,
      facts: { file },
      advice: 'Give the path of a PEM file that the user of this process can read.',
      cause,
    });
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function parseCertificates(pem: string, at: string): X509Certificate[] {
  const texts = pem.match(CERTIFICATE) ?? [];
  if (texts.length === 0) {
    throw invalid(`${at} holds no certificate`, 'Give PEM: it begins with -----BEGIN CERTIFICATE-----.');
  }
  return texts.map((text, index) => {
    try {
      return new X509Certificate(text);
    } catch (cause) {
      throw invalid(`certificate ${index + 1} in ${at} is malformed`, 'Make or copy the file anew.', cause);
    }
  });
}

/** Without the cause of a failure, which may quote the key. */
function parseKey(pem: string, at: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    const isEncrypted = pem.includes('ENCRYPTED');
    throw invalid(
      isEncrypted ? `the key in ${at} is encrypted` : `${at} holds no private key`,
      isEncrypted
        ? 'Give it without a passphrase (`openssl pkey -in FILE -out NEW`), readable to this user alone.'
        : 'Give PEM: it begins with -----BEGIN PRIVATE KEY-----.',
    );
  }
}

function checkDates({ subject, validFrom, validTo }: X509Certificate, at: string, nowMs: number): void {
  const name = subject?.replace(/\s+/g, ' ');
  if (nowMs > Date.parse(validTo)) {
    throw invalid(`${at} has expired: ${name} was valid until ${validTo}`, 'Renew the certificate.');
  }
  if (nowMs < Date.parse(validFrom)) {
    throw invalid(
      `${at} is not valid yet: ${name} is valid from ${validFrom}`,
      'Check the clock of this machine, or wait.',
    );
  }
}

function invalid(message: string, advice: string, cause?: unknown): PonosError {
  return new PonosError('CONFIG_INVALID', { message, advice, cause });
}
