/**
 * A performer that behaves as its tasks say, bundled and run by the tests (never imported by them).
 * The payload is a word and an argument: `echo x`, `env NAME`, `size 1000`, …
 */
import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, ServerError, Status } from 'nice-grpc';
import { HealthDefinition, HealthServiceImpl, HealthState } from 'nice-grpc-server-health';
import { PerformerServiceDefinition } from '../../src/rpc/generated/eigenlayer/hourglass/v1/performer/performer.js';

const health = HealthState();
let callers = 0;
let gather: () => void = () => undefined;
const gathered = new Promise<void>((resolve) => {
  gather = resolve;
});
let letGo: (() => void) | undefined;
const behaviours: Record<string, (argument: string, taskId: string) => Promise<string> | string> = {
  echo: (argument) => argument,
  'task-id': (_argument, taskId) => taskId,
  env: (name) => process.env[name] ?? '(unset)',
  /** As `env`, when `let-go` says so. */
  'held-env': async (name) => {
    await new Promise<void>((resolve) => {
      letGo = resolve;
    });
    return process.env[name] ?? '(unset)';
  },
  /** @returns whether anybody was held */
  'let-go': () => {
    letGo?.();
    return String(letGo !== undefined);
  },
  'env-names': () => Object.keys(process.env).sort().join(','),
  size: (bytes) => 'x'.repeat(Number(bytes)),
  fail: (message) => {
    throw new ServerError(Status.INVALID_ARGUMENT, message);
  },
  /** Tells a secret of its environment to whoever asked. */
  'fail-env': (name) => {
    throw new ServerError(Status.INVALID_ARGUMENT, `no access with ${process.env[name]}`);
  },
  hang: () => new Promise(() => undefined),
  crash: (code) => {
    console.error(`leaving with ${code}`);
    process.exit(Number(code));
  },
  /** Crashes the first time, answers after a restart: the marker is a file. */
  'crash-once': async (marker) => {
    const { existsSync, writeFileSync } = await import('node:fs');
    if (existsSync(marker)) return 'recovered';
    writeFileSync(marker, '');
    process.exit(9);
  },
  /** How many such tasks there are at this moment; the first ones wait until there are as many as wanted. */
  crowd: async (wanted) => {
    callers += 1;
    if (callers >= Number(wanted)) gather();
    await gathered;
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = callers;
    callers -= 1;
    return String(now);
  },
  sicken: () => {
    health.setStatus('unhealthy');
    return 'sick';
  },
  /** A child that ignores SIGTERM and outlives its parent if nobody kills it. */
  fork: () => {
    const code = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)";
    return String(spawn(process.execPath, ['-e', code], { stdio: 'ignore' }).pid);
  },
  /** Starts a program until it can be started no more. @returns how often, and why no more */
  'fork-bomb': async (program) => {
    for (let made = 0; made < 10_000; made += 1) {
      const failure = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
        const child = spawn(program, ['1000'], { stdio: 'ignore' });
        child.on('spawn', () => resolve(undefined));
        child.on('error', resolve);
      });
      if (failure !== undefined) return `${made} ${failure.code}`;
    }
    return 'without limit';
  },
  /** Writes a file into a folder until it cannot. @returns how many bytes, and why no more */
  fill: async (folder) => {
    const { open } = await import('node:fs/promises');
    const block = Buffer.alloc(1024 * 1024, 1);
    let bytes = 0;
    try {
      const file = await open(`${folder}/filler`, 'w');
      for (;;) bytes += (await file.write(block)).bytesWritten;
    } catch (error) {
      return `${bytes} ${(error as NodeJS.ErrnoException).code}`;
    }
  },
  print: async (megabytes) => {
    const line = `${'x'.repeat(1023)}\n`.repeat(1024);
    for (let index = 0; index < Number(megabytes); index += 1) {
      await new Promise<void>((resolve) => process.stdout.write(line, () => resolve()));
    }
    return 'printed';
  },
  /** Does nothing else any more. */
  freeze: () => {
    for (;;);
  },
  eat: async (megabytes) => {
    const eaten: Buffer[] = [];
    for (let index = 0; index < Number(megabytes); index += 1) {
      eaten.push(Buffer.alloc(1024 * 1024, 1));
      await new Promise((resolve) => setImmediate(resolve));
    }
    return String(eaten.length);
  },
  /** Leaves a mark per run, so that runs can be counted. */
  append: async (file) => {
    const { appendFile } = await import('node:fs/promises');
    await appendFile(file, 'x');
    return 'appended';
  },
  /** Leaves a mark per run, and never gives the same output twice. */
  vary: async (file) => {
    const { appendFile } = await import('node:fs/promises');
    await appendFile(file, 'x');
    return randomUUID();
  },
  /** As `vary`, when `<file>.go` is there: until then its node can be killed, or its caller hang up. */
  'vary-held': async (file) => {
    const { appendFile } = await import('node:fs/promises');
    const { existsSync } = await import('node:fs');
    await appendFile(file, 'x');
    while (!existsSync(`${file}.go`)) await new Promise((resolve) => setTimeout(resolve, 20));
    return randomUUID();
  },
  /** As `vary`, with an output of so many bytes that cannot be compressed. */
  'vary-size': (bytes) => randomBytes(Number(bytes) / 2).toString('hex'),
  'append-slowly': async (file) => {
    const { appendFile } = await import('node:fs/promises');
    await appendFile(file, 'x');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return 'appended';
  },
  write: async (file) => {
    const { writeFile } = await import('node:fs/promises');
    return writeFile(file, 'x').then(
      () => 'written',
      (error: NodeJS.ErrnoException) => error.code ?? 'failed',
    );
  },
};

if (process.env.AT_START === 'exit') {
  console.error('cannot start: no licence');
  process.exit(4);
}
if (process.env.AT_SIGTERM === 'ignore') process.on('SIGTERM', () => console.log('ignoring SIGTERM'));
else process.on('SIGTERM', () => process.exit(0));

const server = createServer({ 'grpc.max_send_message_length': -1 });
server.add(process.env.ANSWERS === 'garbage' ? garbling() : PerformerServiceDefinition, {
  startSync: async () => ({}),
  async executeTask(request) {
    const [word = '', ...rest] = request.payload.toString('utf8').split(' ');
    const behaviour = behaviours[word];
    if (behaviour === undefined) throw new ServerError(Status.INVALID_ARGUMENT, `unknown: ${word}`);
    const result = await behaviour(rest.join(' '), request.taskId.toString('utf8'));
    return { taskId: Buffer.from('not yours'), result: Buffer.from(result) };
  },
});
if (process.env.HEALTH !== 'none') server.add(HealthDefinition, HealthServiceImpl(health));
const host = process.env.IN_CONTAINER === 'yes' ? '0.0.0.0' : '127.0.0.1';
void server
  .listen(`${host}:${process.env.PORT ?? process.env.GRPC_PORT}`)
  .then((port) => console.log(`listening on ${port}`));

/** The service with answers that are no message. */
function garbling(): typeof PerformerServiceDefinition {
  const { executeTask } = PerformerServiceDefinition.methods;
  const encode = () => ({ finish: () => Buffer.from([0x0a, 0xff, 0xff]) });
  return {
    ...PerformerServiceDefinition,
    methods: {
      ...PerformerServiceDefinition.methods,
      executeTask: { ...executeTask, responseType: { ...executeTask.responseType, encode } },
    },
  } as unknown as typeof PerformerServiceDefinition;
}
