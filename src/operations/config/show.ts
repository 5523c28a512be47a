/** `ponos config show`: the configuration as the node sees it, without secrets. */
import { stringify } from 'yaml';
import { redacted } from '../../config/redact.js';
import type { Role } from '../../config/role.js';
import type { ConfigOf } from '../../config/types.js';

/** YAML or JSON text that ends with a line break. */
export function renderConfig(config: ConfigOf<Role>, format: 'yaml' | 'json'): string {
  const plain = redacted(config);
  return format === 'json' ? `${JSON.stringify(plain, null, 2)}\n` : stringify(plain, { lineWidth: 0 });
}
