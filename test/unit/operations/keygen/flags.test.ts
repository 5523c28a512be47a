import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { Secret } from '../../../../src/base/secret.js';
import { askNewPassword, askPassword } from '../../../../src/operations/keygen/ask-password.js';
import { chooseLock, givenPassword } from '../../../../src/operations/keygen/choose-password.js';
import { flagsFromEnvironment } from '../../../../src/operations/keygen/flags-from-environment.js';

const withCode = (code: string) => expect.objectContaining({ code });
const FLAGS = [
  { name: 'file-prefix', isSwitch: false },
  { name: 'use-keystore', isSwitch: true },
];

describe('flagsFromEnvironment', () => {
  test('default: nothing, also of empty variables', () => {
    expect(flagsFromEnvironment(FLAGS, { KEYGEN_FILE_PREFIX: '', FILE_PREFIX: 'x' }).size).toBe(0);
  });

  test('behavior: both spellings, switches as words', () => {
    const values = flagsFromEnvironment(FLAGS, { KEYGEN__FILE_PREFIX: 'a', KEYGEN_USE_KEYSTORE: 'true' });
    expect([...values]).toEqual([
      ['file-prefix', 'a'],
      ['use-keystore', true],
    ]);
    expect(flagsFromEnvironment(FLAGS, { KEYGEN_USE_KEYSTORE: '0' }).get('use-keystore')).toBe(false);
  });

  test('error: a switch that is neither, and spellings that contradict each other', () => {
    expect(() => flagsFromEnvironment(FLAGS, { KEYGEN_USE_KEYSTORE: 'maybe' })).toThrow(withCode('USAGE'));
    expect(() => flagsFromEnvironment(FLAGS, { KEYGEN_FILE_PREFIX: 'a', KEYGEN__FILE_PREFIX: 'b' })).toThrow(
      withCode('USAGE'),
    );
  });
});

describe('chooseLock', () => {
  const asked = () => Promise.resolve(new Secret('asked'));
  const passwordOf = async (...input: Parameters<typeof chooseLock>) => {
    const lock = await chooseLock(...input);
    return lock === 'random-password' ? lock : lock.password.reveal();
  };

  test('default: asked for on a terminal, random without one', async () => {
    expect(await passwordOf({}, asked)).toBe('asked');
    expect(await passwordOf({})).toBe('random-password');
  });

  test('behavior: a given password wins, the empty one too', async () => {
    expect(await passwordOf({ password: 'given' }, asked)).toBe('given');
    expect(await passwordOf({ password: '' }, asked)).toBe('');
    expect(await passwordOf({ useRandomPassword: true }, asked)).toBe('random-password');
  });

  test('behavior: the first line of a file is the password, and an empty file is none', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'ponos-keygen-'));
    try {
      const file = path.join(folder, 'password');
      await writeFile(file, ' of file \r\nmore\n');
      expect(await passwordOf({ passwordFile: file })).toBe(' of file ');
      await writeFile(file, '\n');
      await expect(chooseLock({ passwordFile: file })).rejects.toThrow(withCode('USAGE'));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('error: two passwords, or one and a random one', async () => {
    await expect(givenPassword({ password: 'a', passwordFile: 'b' })).rejects.toThrow(withCode('USAGE'));
    await expect(chooseLock({ password: 'a', useRandomPassword: true })).rejects.toThrow(withCode('USAGE'));
  });
});

describe('askPassword', () => {
  function terminal() {
    const input = new PassThrough();
    const output = new PassThrough();
    const shown: string[] = [];
    output.on('data', (chunk: Buffer) => shown.push(chunk.toString()));
    return { input, output, shown };
  }

  test('behavior: what is typed is not shown', async () => {
    const { shown, ...streams } = terminal();
    const answer = askPassword(streams, 'Password: ');
    streams.input.write('hunter2\r');
    expect((await answer).reveal()).toBe('hunter2');
    expect(shown.join('')).toBe('Password: \n');
  });

  test('error: Ctrl-C and a closed terminal end it', async () => {
    for (const end of ['\u0003', undefined]) {
      const streams = terminal();
      const answer = askPassword(streams, 'Password: ');
      streams.input.end(end);
      await expect(answer).rejects.toThrow(withCode('ABORTED'));
    }
  });

  test('behavior: a new password is asked for twice, and may be typed ahead', async () => {
    const streams = terminal();
    const answer = askNewPassword(streams);
    streams.input.write('hunter2\rhunter2\r');
    expect((await answer).reveal()).toBe('hunter2');
    const other = terminal();
    const differing = askNewPassword(other);
    other.input.write('hunter2\rhunter3\r');
    await expect(differing).rejects.toThrow(withCode('USAGE'));
  });

  test('error: an empty new password', async () => {
    const streams = terminal();
    const answer = askNewPassword(streams);
    streams.input.write('\r');
    await expect(answer).rejects.toThrow(withCode('USAGE'));
  });
});
