/** The daemon's own bounds: durations in milliseconds, sizes in bytes unless the name says otherwise. What both ends rely on is in the protocol's. */
export const limits = {
  /** Longest path a tool may name, and how many names it may be made of (FT-29). */
  pathBytesMax: 4_096,
  pathLevelsMax: 1_000,
  /** How many files' digests one run remembers; the ones not seen for longest are forgotten first. */
  filesRememberedMax: 10_000,
  /** Names one listing may look at before it stops counting. */
  folderEntriesScannedMax: 100_000,
  /** A larger .gitignore is taken as absent. */
  gitignoreBytesMax: 1024 * 1024,

  /** What a process group gets between SIGTERM and SIGKILL; with the next one it is gone within a second. */
  groupTermMs: 400,
  /** How long a killed group may take to vanish before the call goes on without it. */
  groupKillMs: 300,
  /** After a command's shell has ended, how long another holder of its pipes is waited for. */
  pipeDrainMs: 200,
  /** After that holder was killed, how long the pipes may take to run dry before they are closed from this side. */
  pipeCloseMs: 300,
  /** The longest single argument Linux takes; a longer command has to be a script. */
  commandBytesMax: 128 * 1024 - 1,
  /** The whole output of one command, on disk. */
  outputFileBytesMax: 256 * 1024 * 1024,
  /** Output waiting for the disk before the command is made to wait too. */
  outputFileBufferBytes: 1024 * 1024,
  /** How long the disk may take to close an output file before the call goes on without it. */
  outputFileCloseMs: 500,
  /** How long pieces of live output are gathered into one. */
  liveOutputMs: 5,
  /** Live output a command may show at once, and then each second; what is beyond is counted, not shown. */
  liveOutputCharactersBurst: 256 * 1024,
  liveOutputCharactersPerSecond: 256 * 1024,
} as const
