/** Certificates and keys of connections: read from files, or given as text, and judged before they are used. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { PonosError } from './error.js';
import { Secret } from './secret.js';

/** Where one PEM text comes from. */
export interface PemSource {
  /** What names it, for messages: `grpc.tls.certFile`, `--tls-ca-file`. */
  readonly option: string;
  /** The path of a file, or the text itself. */
  readonly from: string | Secret;
}

export interface TlsSources {
  readonly cert?: PemSource;
  readonly key?: PemSource;
  readonly ca?: PemSource;
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

/** A text, and what named it. */
interface Pem {
  readonly option: string;
  readonly text: string;
}

/**
 * Reads what is given, and checks that it fits together and is valid now.
 * @throws PonosError FILE_UNREADABLE, CONFIG_INVALID; both name the option
 */
export async function loadTls(sources: TlsSources, nowMs: number): Promise<TlsMaterial> {
  const cert = await readPem(sources.cert);
  const key = await readPem(sources.key);
  const ca = await readPem(sources.ca);
  const own = checkOwn(cert, key, nowMs);
  const authorities = ca === undefined ? [] : checkAuthorities(ca, nowMs);
  const texts = { cert: cert?.text, key: key?.text, ca: ca?.text };
  try {
    createSecureContext(texts);
  } catch (cause) {
    const options = [cert, key, ca].flatMap((pem) => (pem === undefined ? [] : [pem.option]));
    const advice = 'See the cause; keys of RSA need 2048 bits.';
    throw invalid(`OpenSSL does not take what ${options.join(', ')} give`, advice, cause);
  }
  const ends = [...own, ...authorities].map(({ validTo }) => Date.parse(validTo));
  return { ...texts, expiresAtMs: ends.length === 0 ? undefined : Math.min(...ends) };
}

/** Whether two are of the same texts. */
export function equalTls(a: TlsMaterial, b: TlsMaterial): boolean {
  return a.cert === b.cert && a.key === b.key && a.ca === b.ca;
}

async function readPem(source: PemSource | undefined): Promise<Pem | undefined> {
  if (source === undefined) return undefined;
  const { option } = source;
  const from = source.from instanceof Secret ? source.from.reveal() : source.from;
  if (isPem(from)) return { option, text: from };
  try {
    return { option, text: await readFile(from, 'utf8') };
  } catch (cause) {
    throw new PonosError('FILE_UNREADABLE', {
      message: `the file of ${option} cannot be read`,
      facts: { file: from },
      advice: 'Give the path of a PEM file that the user of this process can read.',
      cause,
    });
  }
}

/** Whether it is the text itself; no path has that in it. */
export function isPem(from: string): boolean {
  return from.includes('-----BEGIN ');
}

/** @returns the certificates that this side shows */
function checkOwn(cert: Pem | undefined, key: Pem | undefined, nowMs: number): X509Certificate[] {
  if (cert === undefined || key === undefined) {
    const lonely = cert ?? key;
    if (lonely === undefined) return [];
    const missing = cert === undefined ? 'certificate' : 'key';
    throw invalid(`${lonely.option} is given without its ${missing}`, 'Give both, or neither.');
  }
  const own = parseCertificates(cert);
  if (own[0]?.checkPrivateKey(parseKey(key)) === false) {
    throw invalid(`${key.option} is not the key of ${cert.option}`, 'Give the two that were made together.');
  }
  for (const certificate of own) checkDates(certificate, cert.option, nowMs);
  return own;
}

/** @returns those that are valid: one of many may have ended, but a file with none that is valid trusts nobody */
function checkAuthorities(ca: Pem, nowMs: number): X509Certificate[] {
  const all = parseCertificates(ca);
  const valid = all.filter((certificate) => nowMs <= Date.parse(certificate.validTo));
  const [first] = all;
  if (first !== undefined && valid.length === 0) checkDates(first, ca.option, nowMs);
  return valid;
}

const BEGIN_CERTIFICATE = '-----BEGIN CERTIFICATE-----';
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function parseCertificates({ option, text }: Pem): X509Certificate[] {
  const texts = text.match(CERTIFICATE) ?? [];
  if (texts.length === 0) {
    throw invalid(`${option} holds no certificate`, 'Give PEM: it begins with -----BEGIN CERTIFICATE-----.');
  }
  // Somebody may be writing the file: a chain without its end would be shown to everyone, and convince nobody.
  if (texts.length < text.split(BEGIN_CERTIFICATE).length - 1) {
    throw invalid(
      `${option} holds a certificate without its end`,
      'Wait until it is written, or copy it anew.',
    );
  }
  return texts.map((one, index) => {
    try {
      return new X509Certificate(one);
    } catch (cause) {
      throw invalid(`certificate ${index + 1} in ${option} is malformed`, 'Make or copy it anew.', cause);
    }
  });
}

/** Without the cause of a failure, which may quote the key. */
function parseKey({ option, text }: Pem): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    const isEncrypted = text.includes('ENCRYPTED');
    throw invalid(
      isEncrypted ? `the key in ${option} is encrypted` : `${option} holds no private key`,
      isEncrypted
        ? 'Give it without a passphrase (`openssl pkey -in FILE -out NEW`), readable to this user alone.'
        : 'Give PEM: it begins with -----BEGIN PRIVATE KEY-----.',
    );
  }
}

function checkDates({ subject, validFrom, validTo }: X509Certificate, option: string, nowMs: number): void {
  const name = subject?.replace(/\s+/g, ' ');
  if (nowMs > Date.parse(validTo)) {
    throw invalid(`${option} has expired: ${name} was valid until ${validTo}`, 'Renew the certificate.');
  }
  if (nowMs < Date.parse(validFrom)) {
    throw invalid(
      `${option} is not valid yet: ${name} is valid from ${validFrom}`,
      'Check the clock of this machine, or wait.',
    );
  }
}

function invalid(message: string, advice: string, cause?: unknown): PonosError {
  return new PonosError('CONFIG_INVALID', { message, advice, cause });
}
