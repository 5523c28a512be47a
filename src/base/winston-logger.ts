/** The logger behind the roles: winston, as text for people or JSON for machines, to standard error. */
import { Writable } from 'node:stream';
import { createLogger as createWinston, format, transports } from 'winston';
import { explain, isPonosError } from './error.js';
import { LogFile } from './log-file.js';
import type { LogFields, Logger, LogLevel } from './logger.js';
import { printable } from './printable.js';
import { Secret } from './secret.js';

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'text';
  /** Also write to this file, rotated at `maxSizeBytes`, keeping `maxBackups` old ones. */
  readonly file?: { readonly path: string; readonly maxSizeBytes: number; readonly maxBackups: number };
}

/** A logger and the way to flush and close what it writes to. */
export interface OwnedLogger extends Logger {
  close(): Promise<void>;
}

export function createLogger(options: LoggerOptions): OwnedLogger {
  const file =
    options.file &&
    new LogFile({
      ...options.file,
      onFailure: (error) =>
        logger.error('the log file cannot be written; its lines are on standard error only', { error }),
      onRecovery: (lost) => logger.warn('the log file is written again; lines are missing in it', { lost }),
    });
  const winston = createWinston({
    level: options.level,
    format: format.printf((info) =>
      renderLine(options.format, info.level, String(info.message), info.fields),
    ),
    transports: [
      new transports.Console({ stderrLevels: ['error', 'warn', 'info', 'debug'] }),
      ...(file ? [new transports.Stream({ stream: streamTo(file), eol: '' })] : []),
    ],
  });
  let isClosed = false;
  const make = (bound: LogFields): Logger => {
    const write = (level: LogLevel) => (message: string, fields?: LogFields) => {
      // A late word at the end of the process is not worth an exception.
      if (isClosed) return;
      winston.log(level, message, { fields: { ...bound, ...fields } });
    };
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: (fields) => make({ ...bound, ...fields }),
    };
  };
  const logger = make({});
  return {
    ...logger,
    async close() {
      // Whether that works is still told.
      await file?.close();
      isClosed = true;
      await new Promise<void>((resolve) => {
        winston.once('finish', () => resolve());
        winston.end();
      });
      await file?.close();
    },
  };
}

/** Each line is a write of its own. */
function streamTo(file: LogFile): Writable {
  return new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      file.write(line);
      done();
    },
  });
}

/** One log line; a pure function so that its shape has tests. */
export function renderLine(
  style: 'json' | 'text',
  level: string,
  message: string,
  fields: unknown,
  at: Date = new Date(),
): string {
  const given = (fields ?? {}) as LogFields;
  const plain = Object.fromEntries(
    // docs/errors.md has what each code means.
    Object.entries(isPonosError(given.error) ? { ...given, code: given.error.code } : given)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, plainValue(value)]),
  );
  if (style === 'json') return inJson({ time: at.toISOString(), level, message, ...plain });
  const tail = Object.entries(plain).map(([name, value]) => ` ${name}=${quoteIfNeeded(value)}`);
  return `${at.toISOString()} ${level.toUpperCase().padEnd(5)} ${printable(message)}${tail.join('')}`;
}

function plainValue(value: unknown): string | number | boolean | null {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value === 'string') return value;
  if (value instanceof Error) return explain(value);
  if (value instanceof Secret || typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(plainValue).join(',');
  return JSON.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? String(inner) : inner)) ?? '';
}

function quoteIfNeeded(value: string | number | boolean | null): string {
  const text = String(value);
  return /^[\w.:/@,+-]+$/.test(text) ? text : inJson(text);
}

/** JSON leaves the upper control characters as they are, which some terminals obey as well. */
function inJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  );
}
