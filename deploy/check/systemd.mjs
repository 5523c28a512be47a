/** The units of deploy/, read by systemd itself. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { must, ROOT, run } from './programs.mjs';

const UNITS = ['ponos-aggregator.service', 'ponos-executor.service'];
/** Of systemd's measure of what a service could do, which goes up to 100: less is better. */
const EXPOSURE_LIMIT = 20;

/** @param {(name: string, what: () => Promise<string | void>) => Promise<void>} check */
export async function checkSystemd(check) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ponos-check-units-'));
  try {
    const units = UNITS.map((name) => {
      const unit = fs.readFileSync(path.join(ROOT, 'deploy', name), 'utf8');
      const file = path.join(folder, name);
      // It looks for the program, which need not be installed here.
      fs.writeFileSync(file, unit.replaceAll('/usr/local/bin/ponos', path.join(ROOT, 'dist', 'ponos.cjs')));
      return file;
    });
    await check('systemd understands the units', async () => {
      // It ends with 0 for what it does not know, and says so; --man=no: no manual pages are looked for.
      const said = await run('sh', ['-c', 'systemd-analyze verify --man=no "$@" 2>&1', 'sh', ...units]);
      const ours = said.split('\n').filter((line) => line.includes('ponos-'));
      must(ours.length === 0, ours.join('\n'));
    });
    await check(`systemd measures an exposure under ${EXPOSURE_LIMIT / 10}`, async () => {
      const flags = ['--offline=true', `--threshold=${EXPOSURE_LIMIT}`, '--no-pager'];
      const said = await run('systemd-analyze', ['security', ...flags, ...units]);
      return (said.match(/(?<=exposure level for ).*: \d+\.\d/g) ?? []).join(', ');
    });
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
