/** Flags that the environment sets: KEYGEN_FILE_PREFIX, or KEYGEN__FILE_PREFIX as the Go tool has it. */
import { PonosError } from '../../base/error.js';

/** A flag of the command line. `name` is its long form without dashes. */
export interface Flag {
  readonly name: string;
  /** Takes no value. */
  readonly isSwitch: boolean;
}

export type FlagValue = string | boolean;

/**
 * The values of the flags that the environment names; empty variables count as unset.
 * @throws PonosError USAGE for a switch that is neither true nor false, or spellings that contradict each other
 */
export function flagsFromEnvironment(
  flags: readonly Flag[],
  env: Readonly<Record<string, string | undefined>>,
): Map<string, FlagValue> {
  const values = new Map<string, FlagValue>();
  for (const { name, isSwitch } of flags) {
    const upper = name.toUpperCase().replaceAll('-', '_');
    const [single, double] = [`KEYGEN_${upper}`, `KEYGEN__${upper}`];
    const text = env[single] || env[double];
    if (!text) continue;
    if (env[single] && env[double] && env[single] !== env[double]) {
      throw usage(`${single} and ${double} are both set, to different values`);
    }
    values.set(name, isSwitch ? switchValue(env[single] ? single : double, text) : text);
  }
  return values;
}

function switchValue(variable: string, text: string): boolean {
  if (/^(1|true|yes)$/i.test(text)) return true;
  if (/^(0|false|no)$/i.test(text)) return false;
  throw usage(`${variable} must be true or false`);
}

function usage(message: string): PonosError {
  return new PonosError('USAGE', { message });
}
