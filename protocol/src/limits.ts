/**
 * Every bound that both ends of a wire rely on. Unit and Max (or what it bounds) come last in a name; durations are milliseconds, sizes
 * are bytes unless the name says otherwise.
 */
export const limits = {
  /** One WebSocket text frame; advertised in `welcome` and in the handshake. */
  messageBytesMax: 8 * 1024 * 1024,
  /** One line on the local socket. */
  lineBytesMax: 32 * 1024 * 1024,
  /** JSON nesting that a frame may have before it is refused. */
  jsonDepthMax: 64,

  promptCharactersMax: 1_000_000,
  /** What a person may say to an open run at once, and how much of that may wait for its place. */
  inputCharactersMax: 100_000,
  inputsWaitingMax: 20,
  projectSpecCharactersMax: 32_000,
  projectSpecPathsMax: 200,
  knownToolsMax: 500,
  customToolsMax: 200,
  customToolSchemaBytesMax: 64 * 1024,
  toolDescriptionCharactersMax: 4_000,
  customToolsBytesMax: 1024 * 1024,

  /** A handshake must arrive within this after the upgrade. */
  handshakeMsMax: 10_000,
  heartbeatMs: 15_000,
  heartbeatMissesMax: 2,
  reconnectMsMin: 250,
  reconnectMsMax: 30_000,

  toolCallMsDefault: 120_000,
  toolCallMsMax: 600_000,
  /** What a call may take beyond its own timeout before its result is there anyway. */
  toolCallGraceMs: 3_000,
  bootstrapCallMsMax: 10_000,
  /** What the model sees of one result at the most; tools show less by themselves and say what comes next. */
  toolResultCharactersMax: 100_000,
  /** What a `tool_result` may carry on the wire. */
  toolResultBytesMax: 1024 * 1024,
  outputDeltaBytesMax: 64 * 1024,
  parallelToolsMax: 8,

  turnsDefault: 100,
  turnsMax: 1_000,
  /** For each turn a run may take: what fits into a large model. */
  tokensPerTurnDefault: 200_000,
  runSecondsDefault: 3_600,
  runSecondsMax: 86_400,
  /** The same call with the same arguments: the third time in a row ends the run (R15). */
  sameCallMax: 3,
  /** Answers whose tool arguments are wrong go back to the model this often (R15). */
  badArgumentsMax: 2,
  /** A run that changed its server this often without progress fails. */
  claimsMax: 5,

  approvalMsMax: 7 * 24 * 3_600_000,
  /** Lines of the log one request may ask for. */
  logLinesMax: 10_000,
  /** How long looking at everything may take, and each single thing. */
  doctorMsMax: 12_000,
  checkMsMax: 5_000,

  /** How long a request on the local socket may take when its caller says nothing else. */
  localRequestMs: 30_000,
  /** Requests of one client that may be open at once on the local socket. */
  openRequestsMax: 256,
  /** The longest path of a Unix socket on Linux, and where BSD's rule holds (macOS). */
  socketPathBytesMax: 107,
  socketPathBytesMaxBsd: 103,
} as const
