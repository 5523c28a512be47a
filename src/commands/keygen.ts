/** `ponos keygen`: make keys, look at them, try them. */
import type { Command } from 'commander';
import type { Secret } from '../base/secret.js';
import type { GeneratedKey } from '../operations/keygen/generate-key.js';
import type { InspectKeyRequest } from '../operations/keygen/inspect-key.js';

const PASSWORD_NOTE = `
A password or seed on the command line can be seen by every user of this machine (ps) and stays in
the shell's history: prefer --password-file, or KEYGEN_PASSWORD and KEYGEN_SEED in the environment.
Every flag can be set there: KEYGEN_ and its name in capitals (KEYGEN_CURVE_TYPE=bn254).`;

const GENERATE_NOTE = `
With --use-keystore and no password, you are asked for one; where there is no terminal, a random
one is made and written to <prefix>_<curve>.password beside the keystore.
${PASSWORD_NOTE}

Example:
  ponos keygen generate --curve-type bn254 --output-dir ./keys --use-keystore`;

interface GenerateFlags {
  readonly curveType?: string;
  readonly outputDir: string;
  readonly filePrefix: string;
  readonly seed?: string;
  readonly path?: string;
  readonly eip2333?: boolean;
  readonly useKeystore?: boolean;
  readonly password?: string;
  readonly passwordFile?: string;
  readonly useRandomPassword?: boolean;
  readonly lightEncryption?: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
}

interface KeyFileFlags {
  readonly keyFile?: string;
  readonly curveType?: string;
  readonly password?: string;
  readonly passwordFile?: string;
  readonly json?: boolean;
}

export function registerKeygen(program: Command): void {
  const keygen = program.command('keygen').description('make signing keys, look at them, try them');
  keygen
    .command('generate')
    .description('make a key: raw files, or an encrypted keystore with --use-keystore')
    .option('--curve-type <curve>', 'bn254, bls381 or ecdsa')
    .option('--output-dir <folder>', 'where to write; made if missing, readable by you alone', './keys')
    .option('--file-prefix <prefix>', 'the files are <prefix>_<curve>.json, .pri, .pub', 'key')
    .option('--seed <hex>', 'at least 32 bytes: the same seed gives the same key (default: at random)')
    .option('--path <path>', 'bls381 with --seed: derivation path, as the Go keygen follows it')
    .option('--eip2333', 'with --path: derive as EIP-2333 says, which the Go keygen does not')
    .option('--use-keystore', 'encrypt: EIP-2335 for bn254 and bls381, V3 for ecdsa')
    .option('--password <text>', 'of the keystore; "" for none')
    .option('--password-file <file>', 'its first line is the password')
    .option('--use-random-password', 'make a password and write it beside the keystore')
    .option('--light-encryption', 'quick and weak: for tests and devnets')
    .option('--force', 'overwrite existing files')
    .option('--json', 'print JSON')
    .addHelpText('after', GENERATE_NOTE)
    .action(withEnvironment(generate));
  keyFileCommand(keygen, 'info', 'show the public side of a key file; with a password, check it').action(
    withEnvironment(info),
  );
  keyFileCommand(keygen, 'test', 'open a key, sign with it, verify the signature').action(
    withEnvironment(test),
  );
}

function keyFileCommand(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .option('--key-file <file>', 'keystore, .pri or .pub')
    .option('--curve-type <curve>', 'of a raw file whose name does not tell')
    .option('--password <text>', 'of the keystore')
    .option('--password-file <file>', 'its first line is the password')
    .option('--json', 'print JSON')
    .addHelpText('after', PASSWORD_NOTE);
}

/** One of these on the command line silences the others' environment variables. */
const PASSWORD_FLAGS = ['password', 'password-file', 'use-random-password'];

/** Fills in from the environment what the command line leaves open. */
function withEnvironment<Flags>(action: (flags: Flags, command: Command) => Promise<void>) {
  return async (_flags: Flags, command: Command): Promise<void> => {
    const { flagsFromEnvironment } = await import('../operations/keygen/flags-from-environment.js');
    const silenced = isNamed(command, PASSWORD_FLAGS) ? PASSWORD_FLAGS : [];
    const open = command.options.filter(
      (option) => !isNamed(command, [option.name()]) && !silenced.includes(option.name()),
    );
    const values = flagsFromEnvironment(
      open.map((option) => ({ name: option.name(), isSwitch: option.isBoolean() })),
      process.env,
    );
    for (const option of open) {
      const value = values.get(option.name());
      if (value !== undefined) command.setOptionValueWithSource(option.attributeName(), value, 'env');
    }
    await action(command.opts() as Flags, command);
  };
}

/** Whether the command line names one of these flags. */
function isNamed(command: Command, names: readonly string[]): boolean {
  return command.options.some(
    (option) =>
      names.includes(option.name()) && command.getOptionValueSource(option.attributeName()) === 'cli',
  );
}

async function generate(flags: GenerateFlags, command: Command): Promise<void> {
  const { generateKey } = await import('../operations/keygen/generate-key.js');
  const { chooseLock } = await import('../operations/keygen/choose-password.js');
  const { describeIdentity, parseKeyCurve } = await import('../operations/keygen/key-curve.js');
  const { parseSeed } = await import('../operations/keygen/make-secret.js');
  const curve = parseKeyCurve(await required(flags.curveType, '--curve-type'));
  if (!flags.useKeystore && isNamed(command, PASSWORD_FLAGS)) {
    await refuse('a password is given for a key that is not encrypted', 'Add --use-keystore.');
  }
  const seed = flags.seed === undefined ? undefined : parseSeed(flags.seed);
  const keystore = flags.useKeystore && {
    lock: await chooseLock(flags, await terminalQuestion()),
    light: flags.lightEncryption === true,
  };
  const key = await generateKey({
    curve,
    outputDir: flags.outputDir,
    filePrefix: flags.filePrefix,
    seed,
    path: flags.path,
    eip2333: flags.eip2333,
    keystore: keystore || undefined,
    overwrite: flags.force === true,
  });
  const identity = describeIdentity(key);
  if (flags.json) printJson({ ...identity, files: key.files });
  else printLines({ ...identity, ...fileLines(key.files) });
}

async function info(flags: KeyFileFlags): Promise<void> {
  const { keyInfo } = await import('../operations/keygen/inspect-key.js');
  const { givenPassword } = await import('../operations/keygen/choose-password.js');
  const found = await keyInfo(await keyFileRequest(flags, await givenPassword(flags)));
  (flags.json ? printJson : printLines)(found);
}

async function test(flags: KeyFileFlags): Promise<void> {
  const { needsPassword, testKey } = await import('../operations/keygen/inspect-key.js');
  const { givenPassword } = await import('../operations/keygen/choose-password.js');
  const request = await keyFileRequest(flags, await givenPassword(flags));
  const ask = (await needsPassword(request))
    ? await terminalQuestion('Password of the keystore: ')
    : undefined;
  const found = await testKey(ask === undefined ? request : { ...request, password: await ask() });
  (flags.json ? printJson : printLines)(found);
}

async function keyFileRequest(flags: KeyFileFlags, password: Secret | undefined): Promise<InspectKeyRequest> {
  const { parseKeyCurve } = await import('../operations/keygen/key-curve.js');
  return {
    keyFile: await required(flags.keyFile, '--key-file'),
    curve: flags.curveType === undefined ? undefined : parseKeyCurve(flags.curveType),
    password,
  };
}

/** Asks on the terminal: for a new password, or with this question for a known one. Undefined without a terminal. */
async function terminalQuestion(question?: string): Promise<(() => Promise<Secret>) | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const { askNewPassword, askPassword } = await import('../operations/keygen/ask-password.js');
  // Standard output is for the result.
  const terminal = { input: process.stdin, output: process.stderr };
  return () => (question === undefined ? askNewPassword(terminal) : askPassword(terminal, question));
}

function fileLines(files: GeneratedKey['files']): Record<string, string> {
  const names = {
    keystore: 'keystore file',
    password: 'password file',
    privateKey: 'private key file',
    publicKey: 'public key file',
  };
  return Object.fromEntries(
    Object.entries(files).map(([kind, file]) => [names[kind as keyof typeof names], file]),
  );
}

function printLines(fields: Record<string, string>): void {
  const width = Math.max(...Object.keys(fields).map((name) => name.length)) + 2;
  const lines = Object.entries(fields).map(([name, value]) => `${name.padEnd(width)}${value}\n`);
  process.stdout.write(lines.join(''));
}

function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

async function required(value: string | undefined, flag: string): Promise<string> {
  return value ?? refuse(`${flag} is missing`, `Add ${flag}; --help tells more.`);
}

async function refuse(message: string, advice: string): Promise<never> {
  const { PonosError } = await import('../base/error.js');
  throw new PonosError('USAGE', { message, advice });
}
