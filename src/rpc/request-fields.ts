/** Fields of requests, parsed. */
import { type Address, parseAddress } from '../base/brands.js';
import { explain, isPonosError, PonosError } from '../base/error.js';

/** @param field its name in the proto @throws PonosError REQUEST_INVALID that names the field */
export function requestedAddress(field: string, text: string): Address {
  try {
    return parseAddress(text);
  } catch (error) {
    if (!isPonosError(error, 'VALUE_INVALID')) throw error;
    throw new PonosError('REQUEST_INVALID', { message: `${field}: ${explain(error)}`, cause: error });
  }
}

/** As `requestedAddress`; undefined for an empty field. */
export function optionalAddress(field: string, text: string): Address | undefined {
  return text === '' ? undefined : requestedAddress(field, text);
}
