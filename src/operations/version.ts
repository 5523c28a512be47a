/** The version of this build; `build.mjs` puts package.json's number in the place of the variable. */
export const VERSION = process.env.PONOS_VERSION ?? 'development';
