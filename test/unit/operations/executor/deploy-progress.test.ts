import { describe, expect, jest, test } from '@jest/globals';
import { createDeployProgress } from '../../../../src/operations/executor/deploy-progress.js';

function shown(isTerminal: boolean): string {
  const parts: string[] = [];
  const view = createDeployProgress({ isTerminal, write: (text) => void parts.push(text) });
  const layer = (id: string, currentBytes: number, totalBytes: number) => ({
    step: 'image',
    detail: '',
    layer: { id, currentBytes: BigInt(currentBytes), totalBytes: BigInt(totalBytes) },
  });
  view.show({ step: 'image', detail: 'pulling my-avs\u001b[2J', layer: undefined });
  view.show(layer('a', 0, 1_024));
  view.show(layer('b', 512, 1_024));
  view.show(layer('a', 1_024, 1_024));
  view.show({ step: 'create', detail: '', layer: undefined });
  view.show({ step: 'create', detail: '', layer: undefined });
  view.end();
  view.end();
  return parts.join('');
}

describe('createDeployProgress', () => {
  test('default: a line for each step, and none for layers', () => {
    expect(shown(false)).toBe('image: pulling my-avs\\x1b[2J\ncreate\n');
  });

  test('behavior: on a terminal one line for all layers, written over', () => {
    expect(shown(true)).toBe(
      [
        'image: pulling my-avs\\x1b[2J\n',
        '\r\x1b[Kpulling 1 layers: 0 bytes of 1.0 KiB',
        '\r\x1b[Kpulling 2 layers: 512 bytes of 2.0 KiB',
        '\r\x1b[Kpulling 2 layers: 1.5 KiB of 2.0 KiB',
        '\ncreate\n',
      ].join(''),
    );
  });

  test('behavior: nothing is shown without an output', () => {
    const streams = [process.stdout, process.stderr].map((stream) => jest.spyOn(stream, 'write'));
    const view = createDeployProgress(undefined);
    view.show({ step: 'create', detail: '', layer: undefined });
    view.end();
    const written = streams.map((stream) => stream.mock.calls.length);
    jest.restoreAllMocks();
    expect(written).toEqual([0, 0]);
  });
});
