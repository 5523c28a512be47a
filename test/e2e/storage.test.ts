/** `ponos storage` as its users run it: beside running nodes, on what they leave, and killed in the middle. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePorts } from '../../src/base/free-ports.js';
import { createExecutorStore } from '../../src/store/executor-store.js';
import { type BuiltDevnet, buildDevnet, type NodeSeat } from '../support/built-devnet.js';
import {
  builtExecutable,
  type PonosResult,
  type RunningPonos,
  runPonos,
  startPonos,
} from '../support/run-ponos.js';
import { makeStore } from '../support/storage-stage.js';
import { fixtureAnswer, fixtureAnswerKey } from '../support/store-fixtures.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';

const READY = { aggregator: 'aggregator is watching', 'executor-1': 'executor is serving' } as const;
type NodeName = keyof typeof READY;
const NODES: readonly NodeName[] = ['executor-1', 'aggregator'];
/** What they are started under. */
const UMASKS = { aggregator: 0o000, 'executor-1': 0o022 } as const;
const roleOf = (name: NodeName) => (name === 'aggregator' ? 'aggregator' : 'executor');

let devnet: BuiltDevnet;
let folder: TemporaryFolder;
const seats = new Map<NodeName, NodeSeat>();
const running = new Map<NodeName, RunningPonos>();
let taskId: string;

const dirOf = (name: NodeName) => path.join(folder.path, 'data', name);
const place = (name: string) => path.join(folder.path, name);
const env = () => ({ HOME: folder.path, TMPDIR: folder.path });
const storage = (...args: string[]): Promise<PonosResult> => runPonos(['storage', ...args], { env: env() });

/** What below a folder, and the folder, is open to others, or to the group for more than reading, by name and mode. */
function tooOpen(top: string): string[] {
  const names = fs.readdirSync(top, { recursive: true, encoding: 'utf8' });
  return [top, ...names.map((name) => path.join(top, name))].flatMap((name) => {
    const status = fs.statSync(name);
    const closed = status.isDirectory() ? 0o027 : 0o037;
    return (status.mode & closed) === 0 ? [] : [`${name}: ${(status.mode & 0o777).toString(8)}`];
  });
}

async function succeed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await storage(...args);
  if (code !== 0) throw new Error(`ponos storage ${args.join(' ')} ended with code ${code}: ${stderr}`);
  return stdout;
}

function nodeOf(name: NodeName): string {
  const { config } = seats.get(name) ?? {};
  return `127.0.0.1:${config?.managementServerGrpcPort ?? config?.grpcPort}`;
}

/** Both nodes have done one task. */
beforeAll(async () => {
  folder = await temporaryFolder();
  devnet = await buildDevnet(1);
  for (const name of NODES) {
    const seat = await devnet.seat(name, (config) => {
      config.storage = { type: 'level', level: { dir: dirOf(name) } };
    });
    seats.set(name, seat);
    const node = seat.start({}, { limitMs: 240_000, umask: UMASKS[name] });
    running.set(name, node);
    await node.logged(READY[name]);
  }
  const create = [
    'task',
    'create',
    '--devnet',
    devnet.folder,
    '--operator-set',
    '1',
    '--payload-text',
    '0x07',
    '--wait',
    '--json',
  ];
  const { code, stdout, stderr } = await runPonos(create, { env: env() });
  if (code !== 0) throw new Error(`the task was not done: ${stderr}`);
  taskId = JSON.parse(stdout.trim().split('\n').at(-1) ?? '').taskId;
  // The chain knows of a certificate before the aggregator has written down that it is there.
  await running.get('aggregator')?.logged('task verified');
}, 120_000);

afterAll(async () => {
  for (const seat of seats.values()) await seat.remove();
  await devnet?.close();
  await folder?.remove();
});

describe.each(NODES)('beside a running %s', (name) => {
  test('default: stats', async () => {
    const stats = JSON.parse(await succeed('stats', '--node', nodeOf(name), '--json'));
    expect(stats).toMatchObject({ role: roleOf(name), files: { dir: dirOf(name) }, damaged: 0 });
    if (name === 'aggregator') {
      expect(stats.tasks).toEqual({ completed: 1 });
      expect(stats.chains).toHaveLength(2);
    }
  });

  test('default: a backup, which is restored and sound', async () => {
    const [file, dir] = [place(`${name}.backup`), place(`${name}-restored`)];
    await succeed('backup', '--node', nodeOf(name), '--output', file);
    await succeed('restore', file, '--dir', dir, '--role', roleOf(name));
    expect(await succeed('verify', '--dir', dir)).toContain(`of an ${roleOf(name)}, all of them sound`);
    if (name === 'aggregator')
      expect(await succeed('tasks', 'show', taskId, '--dir', dir)).toContain('completed');
  });

  test('default: an export, which is imported', async () => {
    const [file, dir] = [place(`${name}.jsonl`), place(`${name}-imported`)];
    await succeed('export', '--node', nodeOf(name), '--output', file);
    await succeed('import', file, '--dir', dir);
    expect(await succeed('export', '--dir', dir)).toBe(fs.readFileSync(file, 'utf8'));
  });

  test('behavior: its files are closed to others, LevelDB’s own too', () => {
    expect(tooOpen(dirOf(name))).toEqual([]);
    expect(fs.readdirSync(dirOf(name)).join()).toMatch(/\.log/);
  });

  test('error: its directory is in use, by whom and what else there is', async () => {
    const { code, stderr } = await storage('stats', '--dir', dirOf(name));
    expect(code).toBe(1);
    expect(stderr).toContain(`pid ${running.get(name)?.pid}`);
    expect(stderr).toContain('--node HOST:PORT');
  });
});

test('default: what the executor has signed, from the running node', async () => {
  const { answered } = JSON.parse(
    await succeed('export', '--slashing-protection', '--node', nodeOf('executor-1')),
  );
  expect(answered).toMatchObject([{ taskId }]);
});

test('error: a port without the service', async () => {
  const chain = JSON.parse(fs.readFileSync(path.join(devnet.folder, 'devnet.json'), 'utf8'));
  const [port] = JSON.stringify(chain).match(/127\.0\.0\.1:\d+/) ?? [];
  const { code, stderr } = await storage('stats', '--node', port ?? '');
  expect(code).toBe(1);
  expect(stderr).toMatch(/^ponos: the node (does not answer|refuses)/);
});

describe('on what the nodes leave', () => {
  beforeAll(async () => {
    for (const node of running.values()) {
      node.kill('SIGTERM');
      await node.ended;
    }
  });

  test('default: the configuration names the store', async () => {
    const file = path.join(seats.get('aggregator')?.folder ?? '', 'node.yaml');
    const list = await succeed('tasks', 'list', '--config', file, '--status', 'completed', '--json');
    expect(JSON.parse(list)).toMatchObject({ taskId, status: 'completed' });
    expect(await succeed('verify', '--config', file)).toContain('all of them sound');
    expect(JSON.parse(await succeed('compact', '--config', file, '--json'))).toMatchObject({
      dir: dirOf('aggregator'),
    });
    expect(await succeed('verify', '--config', file)).toContain('all of them sound');
  });

  test('default: the performer that the executor had, for machines and for people', async () => {
    const file = path.join(seats.get('executor-1')?.folder ?? '', 'node.yaml');
    const { performers, deployments } = JSON.parse(await succeed('performers', '--config', file, '--json'));
    expect(performers).toEqual([]);
    expect(deployments).toMatchObject([{ number: 1, outcome: 'removed', reason: 'the node stopped' }]);
    const text = await succeed('performers', '--dir', dirOf('executor-1'));
    expect(text).toMatch(/ removed +the node stopped\n$/);
    const { code, stderr } = await storage('performers', '--dir', dirOf('aggregator'));
    expect(code).toBe(1);
    expect(stderr).toContain('the store belongs to an aggregator, not to an executor');
  });

  test('behavior: a node goes on where a backup was taken', async () => {
    const [port] = await freePorts(1);
    const seat = await devnet.seat('executor-1', (config) => {
      config.storage = { type: 'level', level: { dir: place('executor-1-restored') } };
      config.managementServerGrpcPort = port;
    });
    try {
      const node = seat.start();
      await node.logged(READY['executor-1']);
      const stats = JSON.parse(await succeed('stats', '--node', `127.0.0.1:${port}`, '--json'));
      expect(stats.namespaces).toContainEqual(expect.objectContaining({ namespace: 'answer', records: 1 }));
      const tasksPort = await storage('stats', '--node', `127.0.0.1:${seat.config.grpcPort}`);
      expect(tasksPort.stderr).toContain('the node refuses');
      expect(tasksPort.stderr).toContain('managementServerGrpcPort');
      node.kill('SIGTERM');
      expect((await node.ended).code).toBe(0);
    } finally {
      await seat.remove();
    }
  });

  test('behavior: what a damaged executor has signed is had from a mended copy, and added to a restored backup', async () => {
    const [damaged, mended] = [place('cut-off'), place('mended')];
    fs.cpSync(dirOf('executor-1'), damaged, { recursive: true });
    const log = fs.readdirSync(damaged).find((name) => name.endsWith('.log')) ?? '';
    fs.truncateSync(path.join(damaged, log), fs.statSync(path.join(damaged, log)).size - 100);
    const refused = await storage('export', '--slashing-protection', '--dir', damaged);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/lost-tail: the last 1 of \d+ batches are gone/);

    fs.cpSync(damaged, mended, { recursive: true });
    expect(await succeed('repair', '--dir', mended)).toContain('usable again');
    const signed = place('signed.json');
    await succeed('export', '--slashing-protection', '--dir', mended, '--output', signed);
    const imported = ['import', signed, '--slashing-protection', '--dir'];
    expect(await succeed(...imported, place('executor-1-restored'))).toContain(
      '0 answered tasks taken up, 1',
    );
    expect(await succeed(...imported, place('executor-1-fresh'))).toContain('1 answered tasks taken up, 0');
  });

  test.each([0o000, 0o022])(
    'behavior: what commands make under umask %i is closed to others',
    async (umask) => {
      const top = place(`umask-${umask}`);
      fs.mkdirSync(top, { mode: 0o700 });
      const [backup, lines] = [path.join(top, 'backup'), path.join(top, 'lines')];
      const [restored, imported] = [path.join(top, 'restored'), path.join(top, 'imported')];
      for (const args of [
        ['backup', '--dir', dirOf('executor-1'), '--output', backup],
        ['restore', backup, '--dir', restored],
        ['compact', '--dir', restored],
        ['export', '--dir', restored, '--output', lines],
        ['import', lines, '--dir', imported],
      ])
        expect(await runPonos(['storage', ...args], { env: env(), umask })).toMatchObject({ code: 0 });
      fs.rmSync(path.join(imported, 'ponos.sequence'));
      const repair = await runPonos(['storage', 'repair', '--dir', imported], { env: env(), umask });
      expect(repair).toMatchObject({ code: 0 });
      expect(fs.readdirSync(imported).join()).toMatch(/damaged-/);
      expect(fs.readdirSync(restored).join()).toMatch(/\.ldb/);
      expect(tooOpen(top)).toEqual([]);
    },
  );

  test('error: another role’s configuration is not this store’s', async () => {
    const { code, stderr } = await storage('stats', '--dir', dirOf('executor-1'), '--role', 'aggregator');
    expect(code).toBe(1);
    expect(stderr).toContain('the store belongs to an executor, not to an aggregator');
  });

  test('error: a configuration without a directory', async () => {
    const seat = await devnet.seat('executor-1');
    try {
      const { code, stderr } = await storage('stats', '--config', path.join(seat.folder, 'node.yaml'));
      expect(code).toBe(2);
      expect(stderr).toContain('keeps the state in memory');
    } finally {
      await seat.remove();
    }
  });

  test.each([['export'], ['stats']])(
    'error: %s onto a full disk says so, and neither blames the store nor leaves a copy of it',
    (command) => {
      const dir = dirOf('executor-1');
      const args = [builtExecutable(), 'storage', command, '--dir', dir];
      const full = fs.openSync('/dev/full', 'w');
      try {
        const { status, stderr } = spawnSync(process.execPath, args, {
          env: env(),
          stdio: ['ignore', full, 'pipe'],
          encoding: 'utf8',
        });
        expect(stderr).toMatch(/^ponos: standard output cannot be written: .*ENOSPC/);
        expect(stderr.split('\n')).toHaveLength(4);
        expect(status).toBe(1);
      } finally {
        fs.closeSync(full);
      }
      expect(fs.readdirSync(dir)).not.toContain('verify');
      expect(fs.readdirSync(dir)).not.toContain('ponos.lock');
    },
  );

  test('behavior: a reader that goes away ends an export as an interrupt does', async () => {
    const args = [builtExecutable(), 'storage', 'export', '--dir', dirOf('executor-1')];
    const reader = spawn(process.execPath, args, { env: env(), stdio: ['ignore', 'pipe', 'pipe'] });
    reader.stdout.destroy();
    let stderr = '';
    reader.stderr.on('data', (text) => {
      stderr += text;
    });
    const [code] = await once(reader, 'close');
    expect(stderr).not.toContain('store');
    expect(code).toBe(130);
  });

  test('behavior: an import that waits for its input is interrupted, and leaves nothing', async () => {
    const dir = place('awaited');
    const args = [builtExecutable(), 'storage', 'import', '-', '--dir', dir];
    const waiting = spawn(process.execPath, args, { env: env(), stdio: ['pipe', 'ignore', 'pipe'] });
    const closed = once(waiting, 'close');
    waiting.stdin.write('{"format":"ponos-store","version":1,"role":"executor","schemaVersion":1}\n');
    while (!fs.existsSync(`${dir}.part`)) await new Promise(setImmediate);
    waiting.kill('SIGINT');
    expect(await closed).toEqual([130, null]);
    expect(fs.readdirSync(folder.path).filter((name) => name.startsWith('awaited'))).toEqual([]);
  });

  test('error: wrong usage ends with 2', async () => {
    expect(await storage('stats')).toMatchObject({ code: 2 });
    expect(await storage('backup', '--dir', dirOf('executor-1'))).toMatchObject({ code: 2 });
    expect(await storage('tasks', 'list', '--dir', 'x', '--status', 'odd')).toMatchObject({ code: 2 });
  });
});

describe('in the middle of a large backup', () => {
  const ANSWERS = 400;
  const OUTPUT_BYTES = 200_000;
  const FULL_BYTES = ANSWERS * OUTPUT_BYTES;
  const large = () => place('large');

  beforeAll(async () => {
    await makeStore(large(), 'executor', async (store) => {
      const executor = createExecutorStore(store);
      for (let n = 1; n <= ANSWERS; n++) {
        const output = new Uint8Array(OUTPUT_BYTES).fill(n);
        await executor.saveAnswer(fixtureAnswerKey(n), { ...fixtureAnswer(n), output });
      }
    });
  }, 60_000);

  /** Loaded before the program: it stops itself behind the first write, where nobody from outside could be sure to. */
  const STOPS_ITSELF = `
    const files = require('node:fs/promises');
    const { open } = files;
    files.open = async (name, ...how) => {
      const file = await open(name, ...how);
      if (!name.endsWith('.part')) return file;
      const { writeFile } = file;
      file.writeFile = async (data) => {
        delete file.writeFile;
        await writeFile.call(file, data);
        process.kill(process.pid, 'SIGSTOP');
      };
      return file;
    };`;

  /** A backup that stands still with a part of its file written. */
  async function halfWritten(file: string): Promise<RunningPonos> {
    const first = place('stops-itself.cjs');
    fs.writeFileSync(first, STOPS_ITSELF);
    const args = ['storage', 'backup', '--dir', large(), '--output', file];
    const backup = startPonos(args, { env: env(), nodeFlags: ['--require', first] });
    const state = () => fs.readFileSync(`/proc/${backup.pid}/stat`, 'utf8').split(') ')[1]?.[0];
    await until('the backup stands still', () => state() === 'T');
    const { size } = fs.statSync(`${file}.part`);
    expect(size).toBeGreaterThan(0);
    expect(size).toBeLessThan(FULL_BYTES);
    return backup;
  }

  test('behavior: killed, it leaves no file by that name, and the next one succeeds', async () => {
    const file = place('killed.backup');
    const backup = await halfWritten(file);
    backup.kill('SIGKILL');
    await backup.ended;
    expect(fs.existsSync(file)).toBe(false);

    await succeed('backup', '--dir', large(), '--output', file);
    expect(fs.statSync(file).size).toBeGreaterThan(FULL_BYTES);
    expect(fs.readdirSync(folder.path).filter((name) => name.startsWith('killed'))).toEqual([
      'killed.backup',
    ]);
    expect(fs.existsSync(path.join(large(), 'verify'))).toBe(false);
  });

  test('behavior: interrupted, it leaves nothing', async () => {
    const file = place('interrupted.backup');
    const backup = await halfWritten(file);
    backup.kill('SIGINT');
    backup.kill('SIGCONT');
    expect(await backup.ended).toMatchObject({ code: 130 });
    expect(fs.readdirSync(folder.path).filter((name) => name.startsWith('interrupted'))).toEqual([]);
    expect(fs.readdirSync(large())).not.toContain('ponos.lock');
  });
});
