/** Reads recorded values of the public Go node and the contracts from test/fixtures/vectors. */
import { readFileSync } from 'node:fs';

/** @param Shape the part of the file's shape that the test uses */
export function readVectors<Shape>(name: string): Shape {
  return JSON.parse(readFileSync(new URL(`../fixtures/vectors/${name}.json`, import.meta.url), 'utf8'));
}
