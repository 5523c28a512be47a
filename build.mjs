/**
 * Builds everything that is made and not written: `node build.mjs` gives
 *
 *   dist/embedded/devnet-contracts.mjs  the local chains' contracts, compiled by npm's solc
 *   dist/embedded/verify-worker.mjs     the signature-checking thread, bundled to one text
 *   dist/ponos.cjs                      the executable: one file, native parts inside
 *   dist/example-performer.cjs          examples/performer as one file, for the demo and the tests
 *
 * `node build.mjs embedded` makes only the first two, which the unit tests need.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import * as esbuild from 'esbuild';
import { compileContracts } from './src/devnet/compile-contracts.mjs';

const root = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const embedded = path.join(root, 'dist', 'embedded');
const target = 'node20';

/** The LevelDB addons that travel in the bundle: glibc and musl, x64 and arm64, and macOS. */
const ADDONS = {
  'linux-x64': 'linux-x64/classic-level.node',
  'linux-x64-musl': 'linux-x64/classic-level.musl.node',
  'linux-arm64': 'linux-arm64/classic-level.armv8.node',
  'darwin-x64': 'darwin-x64+arm64/classic-level.node',
  'darwin-arm64': 'darwin-x64+arm64/classic-level.node',
};

/**
 * classic-level looks for its addon by a path computed at run time, which no bundler sees.
 * Its `binding.js` is replaced by a call of our own loader with the addons as text.
 */
const embedLevelAddon = {
  name: 'embed-level-addon',
  setup(build) {
    build.onLoad({ filter: /classic-level[\\/]binding\.js$/ }, ({ path: file }) => {
      const prebuilds = path.join(path.dirname(file), 'prebuilds');
      const byFile = new Map();
      for (const relative of new Set(Object.values(ADDONS))) {
        const bytes = fs.readFileSync(path.join(prebuilds, relative));
        byFile.set(relative, {
          sha256: createHash('sha256').update(bytes).digest('hex'),
          brotliBase64: brotliCompressSync(bytes, {
            params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
          }).toString('base64'),
        });
      }
      const files = [...byFile.keys()];
      const platforms = Object.fromEntries(
        Object.entries(ADDONS).map(([platform, relative]) => [platform, files.indexOf(relative)]),
      );
      const loader = path.join(root, 'src', 'store', 'native-addon.ts');
      return {
        loader: 'js',
        resolveDir: root,
        contents: [
          `const { loadNativeAddon } = require(${JSON.stringify(loader)});`,
          `const files = ${JSON.stringify([...byFile.values()])};`,
          `const platforms = ${JSON.stringify(platforms)};`,
          `module.exports = loadNativeAddon('classic-level', platforms, files);`,
        ].join('\n'),
      };
    });
  },
};

/** Native speed-ups that their owners do without: a module that throws is what they expect then. */
const leaveOutOptionalNatives = {
  name: 'leave-out-optional-natives',
  setup(build) {
    build.onResolve({ filter: /^cpu-features$|sshcrypto\.node$|^bufferutil$|^utf-8-validate$/ }, () => ({
      path: 'absent',
      namespace: 'absent',
    }));
    build.onLoad({ filter: /.*/, namespace: 'absent' }, () => ({
      contents: `throw new Error('this optional native module is not part of the bundle')`,
    }));
  },
};

/** A top-level await cannot be in a CommonJS bundle; our key code calls `init()` itself. */
const stripTopLevelAwait = {
  name: 'strip-top-level-await',
  setup(build) {
    build.onLoad({ filter: /@chainsafe[\\/]bls[\\/]lib[\\/]herumi[\\/]index\.js$/ }, ({ path: file }) => {
      const source = fs.readFileSync(file, 'utf8');
      const contents = source.replace(/^await init\(\);$/m, '');
      if (contents === source) throw new Error(`${file}: no top-level await found; look at this plugin`);
      return { loader: 'js', contents };
    });
  },
};

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target,
  format: 'cjs',
  legalComments: 'none',
  minifyWhitespace: true,
  minifySyntax: true,
  // Identifiers stay: operators read stack traces in bug reports.
  minifyIdentifiers: false,
  define: { 'process.env.NODE_ENV': '"production"' },
  logLevel: 'warning',
  logOverride: { 'empty-import-meta': 'silent' },
};

/** Bundles the verification thread and wraps its text into a module (`import source from '#verify-worker'`). */
async function buildVerifyWorker() {
  const result = await esbuild.build({
    ...common,
    entryPoints: ['src/aggregator/verify/verify-worker.ts'],
    write: false,
  });
  writeWhole(
    path.join(embedded, 'verify-worker.mjs'),
    `export default ${JSON.stringify(result.outputFiles[0].text)};\n`,
  );
}

async function buildExecutable() {
  const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  const outfile = path.join(root, 'dist', 'ponos.cjs');
  const result = await esbuild.build({
    ...common,
    entryPoints: ['src/main.ts'],
    outfile: 'dist/ponos.cjs',
    banner: { js: '#!/usr/bin/env node' },
    define: { ...common.define, 'process.env.PONOS_VERSION': JSON.stringify(version) },
    plugins: [embedLevelAddon, leaveOutOptionalNatives, stripTopLevelAwait],
    metafile: true,
  });
  fs.chmodSync(outfile, 0o755);
  writeWhole(path.join(root, 'dist', 'ponos.meta.json'), JSON.stringify(result.metafile));
  return outfile;
}

async function buildExamplePerformer() {
  await esbuild.build({
    ...common,
    entryPoints: ['examples/performer/src/main.ts'],
    outfile: 'dist/example-performer.cjs',
  });
}

/** Readers never see half a file, also when two builds run at once. */
function writeWhole(file, text) {
  const temporary = `${file}.${process.pid}.tmp`;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(temporary, text);
  fs.renameSync(temporary, file);
}

const what = process.argv[2] ?? 'all';
if (what !== 'all' && what !== 'embedded') {
  console.error(`build.mjs: unknown target ${JSON.stringify(what)}; allowed: all (default), embedded`);
  process.exit(2);
}
fs.mkdirSync(embedded, { recursive: true });
await Promise.all([
  compileContracts({ outFile: path.join(embedded, 'devnet-contracts.mjs') }),
  buildVerifyWorker(),
]);
if (what === 'all') {
  const [outfile] = await Promise.all([buildExecutable(), buildExamplePerformer()]);
  const megabytes = (fs.statSync(outfile).size / 1e6).toFixed(1);
  console.log(`built ${path.relative(root, outfile)} (${megabytes} MB)`);
}
