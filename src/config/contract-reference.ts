/** How a contract is named in `overrideContracts`: by its address, or by JSON text that holds it. */

const ADDRESS = /^0x[0-9a-f]{40}$/i;

/** The address that `text` names, as spelled there; undefined when there is none. */
export function contractAddress(text: string): string | undefined {
  const trimmed = text.trim();
  if (!trimmed.startsWith('{')) return ADDRESS.test(trimmed) ? trimmed : undefined;
  const fields = parseObject(trimmed);
  // Go's JSON decoder, for which these texts were written, ignores the case of keys.
  const found = fields && Object.entries(fields).find(([key]) => key.toLowerCase() === 'address')?.[1];
  return typeof found === 'string' && ADDRESS.test(found) ? found : undefined;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
