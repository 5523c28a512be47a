/** The three functions of the Reflect metadata proposal without which `@peculiar/x509` refuses to load. */
type Reflection = typeof Reflect & {
  getMetadata?: (key: unknown, target: object) => unknown;
  getOwnMetadata?: (key: unknown, target: object) => unknown;
  defineMetadata?: (key: unknown, value: unknown, target: object) => void;
};

const metadata = new WeakMap<object, Map<unknown, unknown>>();
const reflection: Reflection = Reflect;

reflection.getOwnMetadata ??= (key, target) => metadata.get(target)?.get(key);
reflection.getMetadata ??= (key, target) => {
  for (let holder: object | null = target; holder !== null; holder = Object.getPrototypeOf(holder)) {
    const own = metadata.get(holder);
    if (own?.has(key)) return own.get(key);
  }
  return undefined;
};
reflection.defineMetadata ??= (key, value, target) => {
  const own = metadata.get(target) ?? new Map<unknown, unknown>();
  metadata.set(target, own.set(key, value));
};
