#!/usr/bin/env node
/**
 * Tries deploy/ for real: builds the images, brings the compose file up over local chains, runs tasks, takes it down
 * and up again, and has systemd read the units. It needs `make build`, Docker with Compose, and for the units systemd.
 *
 *   make check-deploy
 *   node deploy/check/main.mjs --network=host    flags are those of `docker build`
 *
 * BASE and BUILD_BASE name other base images, as in the Dockerfile. What it makes is called ponos-check and is removed
 * at the end, the images excepted. Exit code 1 when a check fails; what cannot be checked here is named.
 */
import { checkCompose } from './compose.mjs';
import { answers, must, ponos, run } from './programs.mjs';
import { checkSystemd } from './systemd.mjs';
import { openWorld } from './world.mjs';

const IMAGE = 'ponos-check:source';
const PREBUILT = 'ponos-check:prebuilt';
const PERFORMER = 'ponos-check-performer:example';
let failed = 0;

async function check(name, what) {
  const sinceMs = Date.now();
  try {
    const found = await what();
    console.log(
      `ok    ${name} (${Math.round((Date.now() - sinceMs) / 1_000)} s)${found ? `: ${found}` : ''}`,
    );
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}\n${error.message}`);
  }
}

const skip = (what, why) => console.log(`not checked: ${what} (${why})`);

async function buildImages(flags) {
  const args = ['BASE', 'BUILD_BASE'].flatMap((name) =>
    process.env[name] ? ['--build-arg', `${name}=${process.env[name]}`] : [],
  );
  const build = (...more) =>
    run('docker', ['build', '-q', ...flags, ...args, '-f', 'deploy/Dockerfile', ...more, '.']);
  const version = await ponos('--version');
  for (const [tag, ...target] of [[IMAGE], [PREBUILT, '--target', 'prebuilt']]) {
    await check(`the image ${tag} is built and runs`, async () => {
      await build('-t', tag, ...target);
      const found = await run('docker', ['run', '--rm', '--read-only', '--network=none', tag, '--version']);
      must(found === version, `it is version ${found}, not ${version}`);
    });
  }
  const performer = [
    `FROM ${PREBUILT}`,
    'COPY example-performer.cjs /performer.cjs',
    'ENV HOST=0.0.0.0 PORT=8080',
    'HEALTHCHECK NONE',
    'ENTRYPOINT ["node", "/performer.cjs"]',
  ].join('\n');
  await check('the image of a performer is built', async () => {
    await run('docker', ['build', '-q', '-t', PERFORMER, '-f', '-', 'dist'], { input: performer });
  });
}

async function main(flags) {
  if (!(await answers('docker', 'version'))) skip('images and the compose file', 'no Docker engine answers');
  else {
    await buildImages(flags);
    const compose = (await answers('docker', 'compose', 'version'))
      ? ['docker', 'compose']
      : ['docker-compose'];
    if (!(await answers(compose[0], ...compose.slice(1), 'version'))) skip('the compose file', 'no Compose');
    else {
      const world = await openWorld({ image: IMAGE, performer: PERFORMER, compose });
      try {
        await checkCompose(world, check);
      } finally {
        await world.close();
      }
    }
  }
  if (await answers('systemd-analyze', '--version')) await checkSystemd(check);
  else skip('the units', 'no systemd-analyze');
  console.log(failed === 0 ? 'deploy/ works' : `${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

await main(process.argv.slice(2));
