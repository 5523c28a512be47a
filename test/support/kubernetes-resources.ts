/** Objects of an API server in memory, as one of Kubernetes keeps them: versions, finalizers, changes since a version. */
import { randomUUID } from 'node:crypto';

export interface StoredObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
    readonly deletionTimestamp?: string;
  };
  readonly [field: string]: unknown;
}

export interface ObjectChange {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly collection: string;
  readonly version: number;
  readonly object: StoredObject;
}

export type Json = Readonly<Record<string, unknown>>;

export class Resources {
  readonly #objects = new Map<string, Map<string, StoredObject>>();
  readonly #changes: ObjectChange[] = [];
  readonly #listeners = new Set<(change: ObjectChange) => void>();
  #version = 1;
  #forgotten = 0;

  get version(): number {
    return this.#version;
  }

  list(collection: string): readonly StoredObject[] {
    return [...this.#of(collection).values()];
  }

  get(collection: string, name: string): StoredObject | undefined {
    return this.#of(collection).get(name);
  }

  create(collection: string, object: Json): StoredObject {
    const metadata = object.metadata as StoredObject['metadata'];
    const created = { uid: randomUUID(), creationTimestamp: new Date().toISOString() };
    return this.#put('ADDED', collection, { ...object, metadata: { ...metadata, ...created } });
  }

  update(collection: string, object: StoredObject): StoredObject | undefined {
    const { deletionTimestamp, finalizers = [] } = object.metadata;
    if (deletionTimestamp !== undefined && finalizers.length === 0) return this.#remove(collection, object);
    return this.#put('MODIFIED', collection, object);
  }

  /** @param isForeground whether those that it owns go first: somebody says when */
  delete(collection: string, object: StoredObject, isForeground: boolean): StoredObject | undefined {
    const own = object.metadata.finalizers ?? [];
    const finalizers = isForeground ? [...new Set([...own, 'foregroundDeletion'])] : own;
    const deletionTimestamp = object.metadata.deletionTimestamp ?? new Date().toISOString();
    return this.update(collection, {
      ...object,
      metadata: { ...object.metadata, finalizers, deletionTimestamp },
    });
  }

  /** Undefined when the changes since then are kept no more. */
  since(collection: string, version: number): readonly ObjectChange[] | undefined {
    if (version < this.#forgotten) return undefined;
    return this.#changes.filter((change) => change.collection === collection && change.version > version);
  }

  /** Keeps no change that there was so far. */
  forget(): void {
    this.#version += 1;
    this.#forgotten = this.#version;
    this.#changes.length = 0;
  }

  onChange(listener: (change: ObjectChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #of(collection: string): Map<string, StoredObject> {
    const found = this.#objects.get(collection) ?? new Map<string, StoredObject>();
    this.#objects.set(collection, found);
    return found;
  }

  #put(type: ObjectChange['type'], collection: string, object: StoredObject): StoredObject {
    const stored = this.#stamped(object);
    this.#of(collection).set(stored.metadata.name, stored);
    this.#tell({ type, collection, version: this.#version, object: stored });
    return stored;
  }

  #remove(collection: string, object: StoredObject): undefined {
    this.#of(collection).delete(object.metadata.name);
    this.#tell({ type: 'DELETED', collection, version: this.#version, object: this.#stamped(object) });
  }

  #stamped(object: StoredObject): StoredObject {
    this.#version += 1;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
  }

  #tell(change: ObjectChange): void {
    const told = { ...change, version: this.#version };
    this.#changes.push(told);
    for (const listener of [...this.#listeners]) listener(told);
  }
}

/** As `application/merge-patch+json` has it. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isJson(patch)) return patch;
  const merged: Record<string, unknown> = isJson(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
