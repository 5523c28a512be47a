import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Logger } from '../../../src/base/logger.js';
import type { TlsMaterial } from '../../../src/base/tls-material.js';
import { tlsSources } from '../../../src/rpc/open-tls.js';
import { TlsWatch } from '../../../src/rpc/tls-watch.js';
import { createAuthority, type TestAuthority, type TestCertificate } from '../../support/certificates.js';
import { type ManualClock, manualClock } from '../../support/manual-clock.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';

const DAY_MS = 24 * 60 * 60_000;
let authority: TestAuthority;
let folder: TemporaryFolder;
let clock: ManualClock;
let lines: string[];
let watch: TlsWatch | undefined;
beforeAll(async () => {
  authority = await createAuthority();
});
beforeEach(async () => {
  folder = await temporaryFolder();
  clock = manualClock(Date.now());
  lines = [];
});
afterEach(async () => {
  await watch?.close();
  await folder.remove();
});

const logger: Logger = {
  debug: () => undefined,
  info: (message) => lines.push(message),
  warn: (message) => lines.push(message),
  error: (message) => lines.push(message),
  child: () => logger,
};
const pathOf = (name: string) => join(folder.path, name);

async function open(certificate: TestCertificate): Promise<{ watch: TlsWatch; seen: TlsMaterial[] }> {
  await place(certificate);
  const files = { certFile: pathOf('a.crt'), keyFile: pathOf('a.key') };
  const opened = await TlsWatch.open({
    sources: tlsSources(files, 'grpc.tls'),
    at: 'grpc.tls',
    clock,
    logger,
  });
  watch = opened;
  const seen: TlsMaterial[] = [];
  opened.onChange((material) => seen.push(material));
  return { watch: opened, seen };
}

/** As tools replace files: at one stroke. */
async function place({ cert, key }: TestCertificate): Promise<void> {
  for (const [name, text] of [
    ['a.crt', cert],
    ['a.key', key],
  ] as const) {
    await writeFile(pathOf(`${name}.new`), text);
    await rename(pathOf(`${name}.new`), pathOf(name));
  }
}

/** Lets time pass until the watch has looked; its reads are real. */
async function look(): Promise<void> {
  await clock.advance(10_000);
  while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
}

describe('TlsWatch', () => {
  test('default: sees files that were replaced, once', async () => {
    const { watch: opened, seen } = await open(await authority.issue());
    await look();
    expect(seen).toEqual([]);
    const renewed = await authority.issue();
    await place(renewed);
    await look();
    await look();
    expect(seen).toHaveLength(1);
    expect(opened.current).toMatchObject(renewed);
    expect(lines).toEqual(['the certificates of grpc.tls are renewed, for connections from now on']);
  });

  test('behavior: what is broken for one look is waited for, for longer it is said once', async () => {
    const first = await authority.issue();
    const { watch: opened, seen } = await open(first);
    const renewed = await authority.issue();
    await writeFile(pathOf('a.crt'), renewed.cert);
    await look();
    expect(lines).toEqual([]);
    for (let looks = 0; looks < 3; looks += 1) await look();
    expect(lines).toEqual(['the new files of grpc.tls cannot be used; those from before stay']);
    expect(opened.current).toMatchObject(first);
    await place(renewed);
    await look();
    expect(seen).toHaveLength(1);
  });

  test('behavior: a reload on request always says what came of it', async () => {
    const { watch: opened } = await open(await authority.issue());
    await opened.reload();
    await writeFile(pathOf('a.key'), '');
    await opened.reload();
    expect(lines).toEqual([
      'the files of grpc.tls are as they were',
      'the new files of grpc.tls cannot be used; those from before stay',
    ]);
  });

  test('behavior: what was being read is read to its end before it is closed, and nothing after', async () => {
    const { watch: opened } = await open(await authority.issue());
    let isClosed = false;
    const reads = [opened.reload(), opened.reload()].map((read) => read.then(() => isClosed));
    await Promise.resolve(); // the first has begun
    await opened.close();
    isClosed = true;
    expect(await Promise.all(reads)).toEqual([false, false]);
    const said = lines.length;
    await opened.reload();
    expect(lines).toHaveLength(said);
  });

  test('behavior: warns two weeks before the end, once a day', async () => {
    await open(await authority.issue({ notAfter: new Date(clock.nowMs() + 14.5 * DAY_MS) }));
    expect(lines).toEqual([]);
    clock.step(DAY_MS);
    await look();
    await look();
    expect(lines).toEqual(['a certificate of grpc.tls expires soon: renew it']);
    await clock.advance(DAY_MS);
    await look();
    expect(lines).toHaveLength(2);
    clock.step(20 * DAY_MS);
    await clock.advance(DAY_MS);
    await look();
    expect(lines.at(-1)).toBe('a certificate of grpc.tls has expired: connections fail');
  });

  test('error: a file that is not there', async () => {
    const files = { certFile: pathOf('none.crt'), keyFile: pathOf('none.key') };
    await expect(
      TlsWatch.open({ sources: tlsSources(files, 'grpc.tls'), at: 'grpc.tls', clock, logger }),
    ).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      facts: { file: pathOf('none.crt') },
    });
  });
});
