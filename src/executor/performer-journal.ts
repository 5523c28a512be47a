/** Writes down what happens to the performers. What cannot be written is written later: performers never wait for it. */
import { isPonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { PerformerEvent, PerformerListener } from '../performer/performer-events.js';
import { type DeploymentState, isOver } from '../store/executor-performer-records.js';
import type { EarlierRun, PerformerStore } from '../store/executor-performers.js';
import { advanceDeployment, beginDeployment } from './performer-history.js';

export interface PerformerJournal {
  /** What an earlier run of the node has left, if it was not stopped in order. */
  readonly unfinished: readonly DeploymentState[];
  readonly listener: PerformerListener;
  /**
   * Ends, in the history, what an earlier run has left and nobody has adopted by now. Until then a node that is
   * killed once more finds it again. @throws PonosError STORE_UNAVAILABLE
   */
  endEarlierRun(): Promise<void>;
  /** Resolves when everything that was told so far is written, or could not be. */
  written(): Promise<void>;
}

export interface PerformerJournalOptions {
  readonly store: Pick<PerformerStore, 'save' | 'earlierRun' | 'endEarlierRun'>;
  readonly logger: Logger;
}

/** Goes on where the earlier run has ended. @throws PonosError STORE_UNAVAILABLE */
export async function openPerformerJournal(options: PerformerJournalOptions): Promise<PerformerJournal> {
  return createJournal(options, await options.store.earlierRun());
}

function createJournal({ store, logger }: PerformerJournalOptions, earlier: EarlierRun): PerformerJournal {
  const numbers = new Map(earlier.lastNumbers);
  const adopted = new Set<string>();
  /** Deployments that are not over, by id. */
  const open = new Map<string, DeploymentState>();
  /** What the store does not have yet, by the deployment's id. */
  const unwritten = new Map<string, DeploymentState>();
  let writing: Promise<void> = Promise.resolve();
  let isFailing = false;

  function note(event: PerformerEvent): void {
    const { id } = event.deployment;
    const before = open.get(id) ?? takenOver(event);
    const after = before === undefined ? begin(event) : advanceDeployment(before, event);
    if (isOver(after.deployment)) open.delete(id);
    else open.set(id, after);
    if (after !== before) unwritten.set(id, after);
  }

  /** The deployment of an earlier run that goes on from here. */
  function takenOver({ type, deployment: { id } }: PerformerEvent): DeploymentState | undefined {
    if (type !== 'adopted') return undefined;
    adopted.add(id);
    return earlier.unfinished.find(({ deployment }) => deployment.id === id);
  }

  function begin(event: PerformerEvent): DeploymentState {
    const { avs } = event.deployment;
    const number = (numbers.get(avs) ?? 0) + 1;
    numbers.set(avs, number);
    return beginDeployment(event, number);
  }

  async function write(): Promise<void> {
    const states = new Map(unwritten);
    if (states.size === 0) return;
    try {
      await store.save([...states.values()]);
    } catch (error) {
      reportFailure(error);
      return;
    }
    for (const [id, state] of states) if (unwritten.get(id) === state) unwritten.delete(id);
    if (isFailing) logger.info('what happens to the performers is written down again');
    isFailing = false;
  }

  function reportFailure(error: unknown): void {
    if (isFailing) return;
    isFailing = true;
    const level = isPonosError(error, 'STORE_UNAVAILABLE') ? 'warn' : 'error';
    logger[level]('what happens to the performers cannot be written down for now; they go on', { error });
  }

  return {
    unfinished: earlier.unfinished,
    async endEarlierRun() {
      const ended = writing.then(() => store.endEarlierRun(earlier, adopted));
      writing = ended.catch(() => undefined);
      await ended;
      for (const { deployment, performer } of earlier.unfinished) {
        if (adopted.has(deployment.id)) continue;
        logger.warn('a performer was not stopped in order: this node was interrupted', {
          avs: deployment.avs,
          performer: deployment.performerId,
          container: performer?.containerId,
          servingFrom: deployment.servingFromMs && new Date(deployment.servingFromMs).toISOString(),
        });
      }
    },
    listener(event) {
      note(event);
      writing = writing.then(write);
    },
    written: () => writing,
  };
}
