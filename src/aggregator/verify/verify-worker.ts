/** Entry of the verification thread: pairings take milliseconds, which gRPC should not wait for. */
import { parentPort } from 'node:worker_threads';
import { PonosError } from '../../base/error.js';
import { loadBn254 } from '../../crypto/bn254/bn254.js';
import { Judge } from './judge.js';
import type { VerifyReply, VerifyRequest } from './messages.js';

const port = parentPort;
if (port === null) throw new PonosError('INTERNAL', { message: 'the verification worker is not a thread' });

const loading = loadBn254().then((bn254) => new Judge(bn254));

port.on('message', (request: VerifyRequest) => {
  // A rejection ends the thread; the verifier starts another and isolates what broke this one.
  void loading.then((judge) => {
    const reply: VerifyReply = { verdicts: judge.judge(request.responses) };
    port.postMessage(reply);
  });
});
