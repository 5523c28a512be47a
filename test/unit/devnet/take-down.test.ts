import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { parseAddress } from '../../../src/base/brands.js';
import { systemClock } from '../../../src/base/clock.js';
import { isRunning } from '../../../src/devnet/anvil.js';
import { takeDown } from '../../../src/devnet/devnet.js';
import { requireDevnet, saveDevnet } from '../../../src/devnet/state.js';
import { withTemporaryFolder } from '../../support/temporary-folder.js';

const ANYBODY = parseAddress(`0x${'a5'.repeat(20)}`);
const operator = { name: '', address: ANYBODY, socket: '', config: '' };

test('behavior: a process that has the id of a chain by now, as after a reboot, is left alone', async () => {
  await withTemporaryFolder(async (folder) => {
    const stranger = spawn(process.execPath, ['--eval', 'setInterval(() => undefined, 1000)']);
    const ended = once(stranger, 'exit');
    try {
      const pid = stranger.pid ?? 0;
      saveDevnet(folder, {
        format: 1,
        chains: [{ name: 'L1', chainId: 31337, url: 'http://127.0.0.1:1', pid }],
        avs: ANYBODY,
        mailbox: ANYBODY,
        operatorSets: [],
        aggregator: operator,
        executors: [],
        userKeyFile: '',
      });
      expect(() => requireDevnet(folder)).toThrow(expect.objectContaining({ code: 'DEVNET_FAILED' }));
      expect(await takeDown(folder, false, systemClock)).toEqual([]);
      expect(isRunning(pid)).toBe(true);
    } finally {
      stranger.kill('SIGKILL');
      await ended;
    }
  });
});
