/** Passwords as the bytes that the key derivation takes. */
import type { Secret } from '../../base/secret.js';

/** C0 controls, DEL and C1 controls. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: EIP-2335 strips exactly these
const CONTROL_CODES = /[\u0000-\u001f\u007f-\u009f]/gu;

/** EIP-2335: NFKD, without control codes, UTF-8. */
export function eip2335PasswordBytes(password: Secret): Uint8Array {
  return new TextEncoder().encode(password.reveal().normalize('NFKD').replace(CONTROL_CODES, ''));
}

/** Ethereum V3 keystores, as geth does it: UTF-8 of the password as typed. */
export function v3PasswordBytes(password: Secret): Uint8Array {
  return new TextEncoder().encode(password.reveal());
}
