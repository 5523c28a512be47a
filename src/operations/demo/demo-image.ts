/** The container image of `make demo DOCKER=1`, made from the example performer. */
import path from 'node:path';
import Docker from 'dockerode';
import { buildPerformerImage } from '../../devnet/performer-image.js';
import { dockerError } from '../../performer/docker-errors.js';
import { executableFolder } from '../devnet/up.js';

const IMAGE = 'ponos-example-performer:demo';

/** @throws PonosError DOCKER_UNAVAILABLE, DEVNET_FAILED */
export async function buildDemoImage(say: (line: string) => void): Promise<string> {
  const docker = new Docker();
  try {
    await docker.ping();
  } catch (error) {
    throw dockerError(error, 'run performers as containers');
  }
  say(`Making the image ${IMAGE}`);
  await buildPerformerImage({
    docker,
    bundlePath: path.join(executableFolder(), 'example-performer.cjs'),
    tag: IMAGE,
  });
  return IMAGE;
}
