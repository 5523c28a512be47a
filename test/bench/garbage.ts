/** What 1,000 garbage submissions a second cost an executor: CPU, memory, and calls that they caused. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { silentLogger } from '../../src/base/logger.js';
import {
  ExecutorServiceDefinition,
  TaskSubmission,
} from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { startGrpcServer } from '../../src/rpc/server.js';
import { executorWorld, PEER } from '../support/executor-world.js';
import type { BenchResult } from './result.js';

const PER_SECOND = 1_000;
const SECONDS = 10;
const WARM_UP_SECONDS = 3;
const MIB = 1024 * 1024;

/** Runs in a process of its own, so that its CPU is not counted: sends bodies in turn, prints how many were answered. */
const SENDER = `
const http2 = require('node:http2');
const [url, perSecond, seconds, ...bodies] = process.argv.slice(1);
const messages = bodies.map((body) => Buffer.from(body, 'base64'));
const session = http2.connect(url);
let sent = 0;
let answered = 0;
let startMs = 0;
let timer;
// Before, the server's limit of streams is not known, and a burst would go over it.
session.once('remoteSettings', () => {
  startMs = Date.now();
  timer = setInterval(tick, 5);
});
function tick() {
  const due = Math.min(perSecond * seconds, ((Date.now() - startMs) / 1000) * perSecond);
  for (; sent < due; sent += 1) {
    const request = session.request({
      ':method': 'POST',
      ':path': '/eigenlayer.hourglass.v1.ExecutorService/SubmitTask',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    request.on('error', () => undefined);
    request.on('close', () => {
      answered += 1;
      if (answered < perSecond * seconds) return;
      process.stdout.write(String(answered));
      session.close();
    });
    request.resume();
    request.end(messages[sent % messages.length]);
  }
  if (sent >= perSecond * seconds) clearInterval(timer);
}
`;

export async function benchGarbage(): Promise<BenchResult> {
  // Without a limit per peer: the garbage comes from everywhere.
  const world = await executorWorld({ requestsPerSecond: 1_000_000 });
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [
      {
        definition: ExecutorServiceDefinition,
        implementation: {
          submitTask: (request, { peer, signal }) => world.flow.submit(request, peer, signal),
        },
      },
    ],
    logger: silentLogger,
  });
  try {
    const signed = world.submission({ payload: Buffer.alloc(3, 1) });
    await world.flow.submit(world.submission(), PEER);
    const stranger = `0x${'99'.repeat(20)}`;
    const bodies = [
      { ...signed, taskId: 'garbage' },
      { ...signed, executorAddress: stranger },
      { ...signed, aggregatorAddress: stranger, payload: Buffer.alloc(900) },
      { ...signed, avsAddress: stranger, aggregatorAddress: stranger },
    ].map((submission) => grpcMessage(TaskSubmission.encode(submission).finish()));
    await send(server.port, WARM_UP_SECONDS, bodies);
    const kept = new Set(world.reads);
    const before = { reads: world.reads.length, runs: world.runs.length, rss: process.memoryUsage.rss() };
    const cpu = process.cpuUsage();
    const startedMs = performance.now();
    const answered = await send(server.port, SECONDS, bodies);
    const elapsedMs = performance.now() - startedMs;
    const { user, system } = process.cpuUsage(cpu);
    const cpuPercent = (user + system) / 10 / elapsedMs;
    const rss = process.memoryUsage.rss();
    const reads = world.reads.slice(before.reads).filter((read) => !kept.has(read)).length;
    const runs = world.runs.length - before.runs;
    const grownMib = (rss - before.rss) / MIB;
    return {
      question: `${PER_SECOND} garbage submissions a second for ${SECONDS} seconds, a limit per peer left out`,
      table: [
        ['answered', 'CPU of one core', 'RSS', 'grown by', 'new reads of the chain', 'runs'],
        [
          String(answered),
          `${cpuPercent.toFixed(0)} %`,
          `${(rss / MIB).toFixed(0)} MiB`,
          `${grownMib.toFixed(0)} MiB`,
          String(reads),
          String(runs),
        ],
      ],
      figures: { answered, cpuPercent, rssMib: rss / MIB, grownMib, reads, runs },
      claim: 'all are answered by less than one core, without a read, without a run, in bounded memory',
      passed:
        answered === PER_SECOND * SECONDS && cpuPercent < 100 && grownMib < 64 && reads === 0 && runs === 0,
    };
  } finally {
    await server.close(0);
  }
}

async function send(port: number, seconds: number, bodies: readonly Buffer[]): Promise<number> {
  const child = spawn(
    process.execPath,
    [
      '-e',
      SENDER,
      `http://127.0.0.1:${port}`,
      String(PER_SECOND),
      String(seconds),
      ...bodies.map((body) => body.toString('base64')),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
  });
  await once(child, 'close');
  return Number(output);
}

/** Uncompressed, with its length before it. */
function grpcMessage(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}
