/** The operator that an export names: what it has signed belongs into no other's store. */
import { type Address, parseAddress } from '../../base/brands.js';
import { PonosError } from '../../base/error.js';

/**
 * Undefined when none is named: the store that was exported did not know it.
 * @throws what `damaged` makes of a malformed one
 */
export function namedOperator(
  written: unknown,
  damaged: (what: string, cause: unknown) => PonosError,
): Address | undefined {
  if (written === undefined) return undefined;
  try {
    return parseAddress(String(written));
  } catch (error) {
    throw damaged('its operator is malformed', error);
  }
}

/** @throws PonosError STORE_MISMATCH when the document is another operator's than the store */
export function requireOperator(document: Address | undefined, store: Address | undefined): void {
  if (document === undefined || store === undefined || document === store) return;
  throw new PonosError('STORE_MISMATCH', {
    message: `the document says what operator ${document} has signed, and the store is that of ${store}`,
    advice: 'Nothing was imported. Name the storage directory of that operator.',
  });
}
