/** Which permissions the files of this process get, whoever makes them. */

/**
 * Nothing from now on is for others, nor for the group to write, whatever mode it is made with. For the start of a
 * command that opens a store: LevelDB makes its files readable by all and takes no mode, also in the background.
 */
export function closeFilesToOthers(): void {
  process.umask(process.umask() | 0o027);
}
