/** The log of a node, as its configuration wants it. */
import { createLogger, type OwnedLogger } from '../base/winston-logger.js';
import type { LoggingConfig } from '../config/types.js';

/** `debug: true` stands above `logging.level`. */
export function openNodeLogger(config: {
  readonly debug: boolean;
  readonly logging: LoggingConfig;
}): OwnedLogger {
  const { level, format, file } = config.logging;
  return createLogger({
    level: config.debug ? 'debug' : level,
    format,
    file: file && { path: file.path, maxSizeBytes: file.maxSize, maxBackups: file.maxBackups },
  });
}
