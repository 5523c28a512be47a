/** How a deployment goes, on standard error: a line for each step, and one for all layers that are pulled. */

import { printable } from '../../base/printable.js';
import type { DeployEvent } from '../../rpc/generated/ponos/v1/performers.js';
import { formatBytes } from '../format.js';
import type { ProgressOutput } from '../terminal.js';

export interface DeployProgressView {
  show(event: Pick<DeployEvent, 'step' | 'detail' | 'layer'>): void;
  /** Ends the line. May be called twice. */
  end(): void;
}

/** @param output undefined: nothing is shown */
export function createDeployProgress(output: ProgressOutput | undefined): DeployProgressView {
  const layers = new Map<string, { readonly current: number; readonly total: number }>();
  let last = '';
  let isLineOpen = false;

  function endLine(): void {
    if (isLineOpen) output?.write('\n');
    isLineOpen = false;
  }

  function showLayers(): void {
    let current = 0;
    let total = 0;
    for (const layer of layers.values()) {
      current += layer.current;
      total += layer.total;
    }
    if (!output?.isTerminal) return;
    output.write(`\r\x1b[Kpulling ${layers.size} layers: ${formatBytes(current)} of ${formatBytes(total)}`);
    isLineOpen = true;
  }

  return {
    show({ step, detail, layer }) {
      if (layer !== undefined) {
        layers.set(layer.id, { current: Number(layer.currentBytes), total: Number(layer.totalBytes) });
        return showLayers();
      }
      const line = detail === '' ? step : `${step}: ${printable(detail)}`;
      if (line === last) return;
      endLine();
      last = line;
      output?.write(`${printable(line)}\n`);
    },
    end: endLine,
  };
}
