/** The log of a node, as its configuration wants it. */
import { prepareLogFile } from '../base/log-file.js';
import { createLogger, type OwnedLogger } from '../base/winston-logger.js';
import type { LoggingConfig } from '../config/types.js';

/** `debug: true` stands above `logging.level`. @throws PonosError FILE_UNWRITABLE for the log file */
export async function openNodeLogger(config: {
  readonly debug: boolean;
  readonly logging: LoggingConfig;
}): Promise<OwnedLogger> {
  const { level, format, file } = config.logging;
  if (file !== undefined) await prepareLogFile(file.path);
  return createLogger({
    level: config.debug ? 'debug' : level,
    format,
    file: file && { path: file.path, maxSizeBytes: file.maxSize, maxBackups: file.maxBackups },
  });
}
