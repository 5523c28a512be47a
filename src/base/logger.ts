/** What the program needs of a log: events, i.e. a sentence with fields. */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Values by name; `error` takes anything thrown and is rendered as one line with its causes. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to each of its lines. */
  child(fields: LogFields): Logger;
}

/** For callers that have nowhere to log to. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
