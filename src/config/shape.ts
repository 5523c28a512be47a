/** Checks a draft against the JSON Schema, with every error at once, in words of the options. */
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { type Draft, originOf, type Pointer, problemAt } from './draft.js';
import { environmentName } from './flags.js';
import { FORMATS } from './formats.js';
import { fileSchema, mustBeThere, NOTE_KEYWORDS } from './json-schema.js';
import type { GroupOption, Option } from './option.js';
import type { Role } from './role.js';

/** Adds a problem for each value of a wrong shape, and takes that value out, so that later checks see only sound ones. */
export function checkShape(draft: Draft, role: Role, schema: GroupOption): void {
  addMandatoryGroups(draft.values, schema);
  const validate = compile(role, schema);
  if (validate(draft.values)) return;
  const judged = new Set<Pointer>();
  for (const error of validate.errors ?? []) {
    const pointer = pointerOf(error);
    if (judged.has(pointer)) continue;
    judged.add(pointer);
    const written = valueAt(draft.values, pointer);
    // Written, but it could not be read (an unset variable): that has been said.
    if (written === undefined && draft.origins.has(pointer)) continue;
    const option = optionAt(schema, pointer);
    const expected = option ? expectation(option) : 'another value';
    const found = originOf(draft, pointer).found;
    const message =
      written === undefined ? `is missing: expected ${expected}` : `found ${found}, expected ${expected}`;
    draft.problems.push(problemAt(draft, pointer, message));
  }
  for (const pointer of judged) removeAt(draft.values, pointer);
}

function compile(role: Role, schema: GroupOption) {
  const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, strict: true });
  ajv.addVocabulary([...NOTE_KEYWORDS]);
  for (const [name, validate] of Object.entries(FORMATS)) ajv.addFormat(name, validate);
  return ajv.compile(fileSchema(role, schema, (flag) => environmentName(role, flag)));
}

/** A missing `operator` is reported as the keys it must hold. */
function addMandatoryGroups(values: Record<string, unknown>, option: GroupOption): void {
  for (const [key, property] of Object.entries(option.properties)) {
    if (property.kind !== 'group' || !mustBeThere(property)) continue;
    values[key] ??= {};
    const inner = values[key];
    if (isRecord(inner)) addMandatoryGroups(inner, property);
  }
}

function pointerOf(error: ErrorObject): Pointer {
  return error.keyword === 'required'
    ? `${error.instancePath}/${String(error.params.missingProperty)}`
    : error.instancePath;
}

function expectation(option: Option): string {
  if (option.kind === 'leaf') return option.expected;
  if (option.kind === 'group') return `a mapping with ${Object.keys(option.properties).join(', ')}`;
  return option.required ? 'a list with at least one item' : 'a list';
}

function optionAt(schema: Option, pointer: Pointer): Option | undefined {
  let option: Option | undefined = schema;
  for (const key of steps(pointer)) {
    if (option?.kind === 'group') option = option.properties[key];
    else if (option?.kind === 'list') option = option.item;
    else return undefined;
  }
  return option;
}

function valueAt(values: unknown, pointer: Pointer): unknown {
  let value = values;
  for (const key of steps(pointer)) {
    if (!isRecord(value)) return undefined;
    value = value[key];
  }
  return value;
}

function removeAt(values: unknown, pointer: Pointer): void {
  const keys = steps(pointer);
  const last = keys.pop();
  const parent = valueAt(values, keys.map((key) => `/${key}`).join(''));
  if (last !== undefined && isRecord(parent)) parent[last] = undefined;
}

const steps = (pointer: Pointer): string[] => pointer.split('/').slice(1);

/** Mappings and lists alike: both are read by key here. */
function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
