import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { TASK_MAILBOX_ABI } from '../../../../src/chain/contracts/task-mailbox.js';
import { watchTasks } from '../../../../src/operations/task/watch.js';

const ADDRESS = `0x${'0'.repeat(40)}`;
const CONFIG = [ADDRESS, 0, ADDRESS, 0, ADDRESS, [0, '0x'], '0x'];
/** As mailboxes answer for an id that they never gave out. */
const NOTHING = TASK_MAILBOX_ABI.interface.encodeFunctionResult('getTaskInfo', [
  [ADDRESS, 0, ADDRESS, 0, ADDRESS, 0, 0, 0, false, 0, CONFIG, '0x', '0x', '0x'],
]);
const ANSWERS: Readonly<Record<string, string>> = { eth_chainId: '0x7a69', eth_call: NOTHING };

const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const { id, method } = JSON.parse(body);
  response.end(JSON.stringify({ jsonrpc: '2.0', id, result: ANSWERS[method] }));
});
let rpcUrl: string;

beforeEach(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  rpcUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.close();
});

test('error: a task that the mailbox does not know is not waited for', async () => {
  const taskId = `0x${'7a'.repeat(32)}`;
  const lines: string[] = [];
  const watching = watchTasks({
    chain: 'L1',
    rpcUrl,
    mailbox: `0x${'aa'.repeat(20)}`,
    taskId,
    write: (line) => lines.push(line),
    tell: (line) => lines.push(line),
  });
  await expect(watching).rejects.toMatchObject({ code: 'TASK_UNKNOWN', facts: { taskId } });
  expect(lines).toEqual([]);
});
