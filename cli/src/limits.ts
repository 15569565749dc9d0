/** Bounds of the CLI alone. Durations are milliseconds, sizes are characters unless the name says otherwise. */
export const limits = {
  /** How long codegend may take from its start until it answers on its socket. */
  daemonStartMsMax: 15_000,
  daemonDialEveryMs: 15,
  /** How long it may take to leave when asked: it ends open calls, then its own Maestro and Postgres. */
  daemonStopMsMax: 30_000,
  daemonGoneEveryMs: 20,
  /** What is read of the daemon's complaint when it does not start. */
  daemonComplaintBytesMax: 64 * 1024,
  /** How often a lost connection is made again for one run, and the pause before each further try. */
  reconnectsMax: 20,
  reconnectPauseMs: 250,
  /** The first try waits this long: one that is restarted leaves its place a moment before the other one takes it. */
  reconnectSoonMs: 50,
  /** How long a run that was asked to end may take before codegen leaves anyway. */
  cancelMsMax: 15_000,

  /** A program that keeps our standard input open without writing is waited for no longer than this. */
  silentInputMs: 500,
  /** After this long a person is told that the rest of the prompt is read from standard input. */
  inputNoticeMs: 3_000,

  /** An escape sequence is no longer than this; what follows is text. */
  sequenceCharactersMax: 64,
  /** The same for sequences that carry a string, as a window's title. */
  sequenceStringCharactersMax: 4_096,

  toolLabelCharactersMax: 120,
  reasonCharactersMax: 300,
  /** Lines of one diff that are shown; the rest is counted. */
  diffLinesMax: 400,
  /** A wait is shown on the status line after so long, and anew so often. */
  statusAfterMs: 300,
  statusEveryMs: 100,
  /** What is kept of a running call's output, for its last line. */
  tailCharactersMax: 400,
  /** Lines of prose are no longer than this, however wide the terminal. */
  proseColumnsMax: 100,
  ruleColumns: 20,
  /** A terminal narrower than this breaks its lines itself. */
  proseColumnsMin: 20,
  /** A word that has begun this near to the end of its line waits for its end, so that it can move to the next one. */
  wordColumnsReserved: 24,
  /** What opens emphasis, code or a link is text when nothing closes it within so much. */
  spanCharactersMax: 300,
  spanDepthMax: 4,
  /** What a line is must be plain from its beginning. */
  lineBeginningCharactersMax: 80,
  quoteDepthMax: 8,
  /** A table is gathered before it is shown; a larger one is shown as it is written. */
  tableRowsMax: 200,
  tableRowCharactersMax: 2_000,
  /** Output gathered while a question is on the screen. */
  heldOutputCharactersMax: 4 * 1024 * 1024,
  /** A run of spaces or of empty lines longer than this is counted instead of shown when consent is asked. */
  paddingMax: 8,
  /** Keys that were typed before a question was on the screen do not answer it. */
  typedAheadMs: 50,
  /** Of one line of codegen doctor, and of codegen logs. */
  checkCharactersMax: 600,
  logLineCharactersMax: 2_000,
  /** Arguments of `codegen tools call`; as JSON they have to fit into a line of the local socket. */
  toolArgumentsCharactersMax: 4_000_000,
  /** One message of an MCP client: the arguments of a call, with room for what is around them. */
  mcpMessageBytesMax: 32 * 1024 * 1024,
  /** How long a question that was put through an MCP client may stay without an answer; then its call is denied or cancelled. */
  mcpAnswerMsMax: 600_000,
  /** After it was put in its place, a plugin is looked for so often, with this pause. */
  pluginLooksMax: 100,
  pluginLookEveryMs: 100,
  /** Of a plugin under development: what is shown of a call's parameters, and of a text. */
  devTextCharactersMax: 300,
  devLinesMax: 40,
  /** Between looks for a codegend whose tools can be watched. */
  mcpWatchAgainMs: 1_000,
  promptColumnMax: 60,
  runsListed: 50,
  /** Among so many of the newest runs one of this folder is looked for. */
  earlierRunsMax: 200,
  idCharactersShown: 8,

  /** Of what was entered in conversations: how many are at hand, the longest that is kept, and when a new file begins. */
  historyEntriesMax: 1_000,
  historyEntryCharactersMax: 64 * 1024,
  historyBytesMax: 512 * 1024,
  /** A lock on the history that is older was left over. */
  historyLockMsMax: 10_000,
  /** While somebody may be writing, a key answers a question when none was pressed for so long before it, and for so long after it. */
  answerQuietMs: 500,
  answerAloneMs: 120,
  /** Keys that were typed while nobody could take them. */
  heldKeysMax: 10_000,
  /** Of an earlier conversation: how many prompts are shown, and lines of its last answer. */
  earlierPromptsShown: 5,
  earlierLinesShown: 12,
} as const
