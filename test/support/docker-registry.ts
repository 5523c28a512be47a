/** A registry of container images on loopback, Debian's `docker-registry`, with basic authentication. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface DockerRegistry {
  /** `127.0.0.1:port`; engines take loopback registries without TLS. */
  readonly host: string;
  readonly user: string;
  readonly password: string;
  close(): Promise<void>;
}

/** @throws Error in CI, where the tests that need it must run */
export function whyNoRegistry(): string | undefined {
  if (spawnSync('docker-registry', ['--version']).status === 0) return undefined;
  const reason = 'docker-registry is not installed';
  if (process.env.CI === 'true') throw new Error(`the tests with a registry must run in CI: ${reason}`);
  process.stderr.write(`tests with a registry skipped: ${reason}\n`);
  return reason;
}

export async function startRegistry(): Promise<DockerRegistry> {
  const folder = mkdtempSync(path.join(tmpdir(), 'ponos-registry-'));
  const [user, password] = ['operator', 'pass+/word:ÿ'];
  // bcrypt is the only hash that the registry takes; the system's crypt() makes it.
  const hash = execFileSync('perl', [
    '-e',
    'print crypt($ARGV[0], q($2b$05$abcdefghijklmnopqrstuu))',
    password,
  ]);
  writeFileSync(path.join(folder, 'htpasswd'), `${user}:${hash.toString('utf8')}\n`);
  const config = path.join(folder, 'config.yml');
  writeFileSync(
    config,
    [
      'version: 0.1',
      `storage: { filesystem: { rootdirectory: ${folder}/images } }`,
      'http: { addr: "127.0.0.1:0" }',
      `auth: { htpasswd: { realm: ponos, path: ${folder}/htpasswd } }`,
    ].join('\n'),
  );
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  const port = await new Promise<string>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-10_000);
      const found = /listening on 127\.0\.0\.1:(\d+)/.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`docker-registry does not start: ${output}`)));
  });
  return {
    host: `127.0.0.1:${port}`,
    user,
    password,
    async close() {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
