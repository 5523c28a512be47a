import { describe, expect, test } from '@jest/globals';
import { PonosError } from '../../../src/base/error.js';
import { storeError } from '../../../src/store/store-error.js';

const withCause = (code: string, message: string) =>
  Object.assign(new Error('Database failure', { cause: new Error(message) }), { code });

describe('storeError', () => {
  test.each([
    ['IO error: /data/000003.log: No space left on device', 'STORE_UNAVAILABLE', 'the disk is full'],
    ['IO error: /data/LOCK: Read-only file system', 'STORE_UNAVAILABLE', 'the file system is read-only'],
    ['EACCES: permission denied, mkdir /data', 'STORE_UNAVAILABLE', 'permission is denied'],
    ['IO error: Too many open files', 'STORE_UNAVAILABLE', 'too many files are open'],
    ['IO error: Input/output error', 'STORE_UNAVAILABLE', 'its files cannot be read or written'],
    ['Corruption: block checksum mismatch', 'STORE_CORRUPT', 'the database is damaged'],
  ])('behavior: %s', (message, code, said) => {
    const cause = withCause('LEVEL_IO_ERROR', message);
    const error = storeError(cause, '/data');
    expect(error).toMatchObject({ code, facts: { dir: '/data' }, cause });
    expect(error.message).toContain(said);
    expect(error.advice).toBeDefined();
  });

  test.each([
    ['LEVEL_LOCKED', 'STORE_LOCKED'],
    ['LEVEL_DATABASE_NOT_OPEN', 'STORE_UNAVAILABLE'],
  ])('behavior: the code %s anywhere in the causes', (levelCode, code) => {
    expect(storeError(withCause(levelCode, 'x'), '/data').code).toBe(code);
    expect(storeError(new Error('outer', { cause: withCause(levelCode, 'x') }), '/data').code).toBe(code);
  });

  test('behavior: what could not be opened anew says why, not that it is closed', () => {
    const cause = withCause('LEVEL_DATABASE_NOT_OPEN', 'IO error: /data/5.ldb: No space left on device');
    expect(storeError(cause, '/data').message).toBe('the store cannot be used: the disk is full');
  });

  test('behavior: an error of ours stays as it is', () => {
    const error = new PonosError('STORE_CORRUPT', { message: 'x' });
    expect(storeError(error, '/data')).toBe(error);
  });
});
