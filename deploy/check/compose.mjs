/** deploy/docker-compose.yml, run: health, tasks, containment, backup, the end, and the start on what is left. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { must, ponos, run, until } from './programs.mjs';

const ROLES = ['aggregator', 'executor'];
const SETS = ['1', '2'];
const HEALTHY_WITHIN_S = 120;
/** Run in a container: what its node may do, and whose the files of its volume are. */
const LOOK_AROUND = `
  const fs = require('node:fs'), path = require('node:path'), [dir] = process.argv.slice(1);
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  const field = (name) => status.match(new RegExp('^' + name + ':\\\\s*(\\\\S+)', 'm'))?.[1];
  const files = ['', ...fs.readdirSync(dir, { recursive: true })].map((name) => fs.lstatSync(path.join(dir, name)));
  let root = 'writable';
  try { fs.mkdirSync('/var/lib/ponos/elsewhere'); } catch ({ code }) { root = code; }
  console.log(JSON.stringify({
    root,
    uid: field('Uid'), capabilities: Number('0x' + field('CapEff')), noNewPrivileges: field('NoNewPrivs'),
    files: files.length,
    open: files.filter(({ uid, mode }) => uid !== process.getuid() || (mode & 0o027) !== 0).length,
  }));`;

/**
 * @param world of openWorld
 * @param {(name: string, what: () => Promise<string | void>) => Promise<void>} check
 */
export async function checkCompose(world, check) {
  const { compose, container, devnet } = world;
  const inspect = async (service, format) =>
    run('docker', ['inspect', '--format', format, await container(service)]);
  const manage = (role, ...args) =>
    compose('exec', '-T', role, 'ponos', role, ...args, '--config', `/etc/ponos/${role}.yaml`, '--json');
  const completed = async () =>
    (await manage('aggregator', 'tasks', '--status', 'completed')).match(/0x[0-9a-f]{64}/g) ?? [];

  async function stateOf(role) {
    const format = '{{.State.Status}} {{.RestartCount}} {{.State.Health.Status}}';
    const [status, restarts, health] = (await inspect(role, format)).split(' ');
    return { status, restarts: Number(restarts), health };
  }

  /** One that ends by itself is started again by the engine, and again. */
  async function untilHealthy(restartsWanted = 0) {
    for (const role of ROLES) {
      await until(`${role} is healthy`, HEALTHY_WITHIN_S, async () => {
        const { status, restarts, health } = await stateOf(role);
        const runs = status === 'running' && restarts === restartsWanted;
        if (!runs)
          throw new Error(`${role} is ${status} after ${restarts} restarts\n${await compose('logs', role)}`);
        return health === 'healthy';
      });
    }
  }

  async function runTasks() {
    for (const set of SETS) {
      const flags = ['--devnet', devnet, '--operator-set', set, '--payload-text', '0x07', '--wait'];
      await ponos('task', 'create', ...flags);
    }
  }

  await check('the compose file is understood, and the configurations are valid', async () => {
    await compose('config', '-q');
    for (const role of ROLES) {
      const file = `/etc/ponos/${role}.yaml`;
      await compose('run', '--rm', '--no-deps', role, 'config', 'validate', '--config', file);
    }
  });

  await check('both nodes become healthy, and tasks of both curves are verified', async () => {
    await compose('up', '-d');
    await untilHealthy();
    await runTasks();
    await until('both tasks are completed', 30, async () => (await completed()).length >= SETS.length);
  });

  await check('nodes have no rights, a root that is read-only, and files that are theirs alone', async () => {
    for (const role of ROLES) {
      const dir = `/var/lib/ponos/${role}/badger`;
      const found = JSON.parse(await compose('exec', '-T', role, 'node', '-e', LOOK_AROUND, dir));
      const { files, ...rest } = found;
      const wanted = { root: 'EROFS', uid: '10001', capabilities: 0, noNewPrivileges: '1', open: 0 };
      must(JSON.stringify(rest) === JSON.stringify(wanted) && files > 5, `${role}: ${JSON.stringify(found)}`);
    }
  });

  await check('only the task port of the executor is published', async () => {
    must(
      (await inspect('aggregator', '{{json .HostConfig.PortBindings}}')) === '{}',
      'the aggregator has ports',
    );
    const ports = JSON.parse(await inspect('executor', '{{json .HostConfig.PortBindings}}'));
    must(Object.keys(ports).join() === '9090/tcp', `the executor publishes ${Object.keys(ports)}`);
  });

  await check('backups of running nodes come out of their volumes, and can be restored', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ponos-check-backup-'));
    try {
      for (const [role, port] of [
        ['aggregator', 9010],
        ['executor', 9090],
      ]) {
        const inside = `/var/lib/ponos/${role}/badger/${role}.backup`;
        const outside = path.join(folder, `${role}.backup`);
        const node = ['--node', `127.0.0.1:${port}`];
        await compose('exec', '-T', role, 'ponos', 'storage', 'backup', ...node, '--output', inside);
        await run('docker', ['cp', `${await container(role)}:${inside}`, outside]);
        await compose('exec', '-T', role, 'rm', inside);
        await ponos('storage', 'restore', outside, '--dir', path.join(folder, role));
        await ponos('storage', 'verify', '--dir', path.join(folder, role));
      }
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });

  await check('killed, a node is started again on its store', async () => {
    for (const role of ROLES) {
      const lock = `/var/lib/ponos/${role}/badger/level/ponos.lock`;
      const kill = `process.kill(JSON.parse(fs.readFileSync('${lock}', 'utf8')).pid, 'SIGKILL')`;
      await compose('exec', '-T', role, 'node', '-e', kill);
      await until(`${role} is started again`, 30, async () => (await stateOf(role)).restarts === 1);
    }
    await untilHealthy(1);
    // It was in the network namespace of the aggregator's container, which is another one now.
    await compose('restart', '-t', '1', 'executor-socket');
    must((await completed()).length >= SETS.length, 'a completed task is not known');
    await runTasks();
  });

  await check('the store of a running node is refused to another container', async () => {
    for (const role of ROLES) {
      const dir = ['--dir', `/var/lib/ponos/${role}/badger/level`];
      const answer = compose('run', '--rm', '--no-deps', '-T', role, 'storage', 'verify', ...dir);
      const said = await answer.catch((error) => error.message);
      must(said.includes('another process uses the storage directory'), `${role}: ${said}`);
    }
  });

  await check('told to stop, both end with 0, and no performer is left', async () => {
    await compose('stop');
    for (const role of ROLES) {
      const state = await inspect(role, '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}');
      must(state === 'exited 0 false', `${role}: ${state}`);
    }
    const ofPerformers = ['--filter', 'label=ponos.avs', '--filter', `network=${world.network}`];
    const left = await run('docker', ['ps', '-q', ...ofPerformers]);
    must(left === '', `performers are left: ${left}`);
  });

  await check('down and up again loses nothing', async () => {
    await compose('up', '-d');
    await untilHealthy();
    const before = await completed();
    await compose('down');
    await compose('up', '-d');
    await untilHealthy();
    const after = new Set(await completed());
    must(
      before.length >= SETS.length && before.every((id) => after.has(id)),
      'a completed task is not known',
    );
    await runTasks();
  });
}
