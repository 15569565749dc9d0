/** Every bound of Maestro's own. Durations are milliseconds and sizes bytes unless the name says otherwise. */
export const limits = {
  /** Events for Redis that come within this leave in one round trip. */
  redisCoalesceMs: 20,
  /** A run's stream in Redis: events kept, and how long after the last. */
  streamEventsMax: 10_000,
  streamBytesMax: 16 * 1024 * 1024,
  /** Events that wait for Redis; beyond that they are dropped, and readers find the facts in the log. */
  redisWaitingBytesMax: 16 * 1024 * 1024,
  streamSecondsMax: 3_600,

  /** A reader that has heard nothing for this long looks into the log. */
  silenceMsMax: 5_000,
  /** One that hears its own replica's runs hears all of them; only what was ended elsewhere is left to find. */
  ownSilenceMsMax: 300_000,
  /** A bus that replays is given this long before a new reader looks into the log; writes to it are gathered for redisCoalesceMs. */
  replayMsMax: 100,
  factsPageMax: 500,
  /** Events that wait for one slow catch-up before they are dropped and read from the log. */
  readerEventsMax: 5_000,
  /** Bytes a viewer or executor may leave unread before it is dropped. */
  unreadBytesMax: 16 * 1024 * 1024,

  /** A blocked read of Redis that could not be interrupted is interrupted again after this. */
  unblockRetryMs: 5,

  /** A run that waits for a person is put out of memory after this, unless a setting says otherwise. */
  parkAfterMs: 30_000,
  /** How often runs are looked for that nobody comes back for, unless a setting says otherwise; each replica at its own moments. */
  sweepMs: 60_000,
  /** A run in which nothing happened for longer is ended. */
  abandonedAfterMs: 7 * 24 * 3_600_000,
  /** Runs that are ended in one transaction. */
  sweptMax: 4,
  /** Abandoned runs that cannot be read and are left alone. */
  unreadableMax: 1_000,

  /** Answers to questions that may wait for one run's executor. */
  answersWaitingMax: 20,
  inboxPollMs: 2_000,
  /** How often starts are looked for that no wake-up told of. */
  startsPollMs: 5_000,
  /** Starts that may wait for one executor. */
  startsWaitingMax: 100,
  postgresConnectMs: 5_000,
  postgresStatementMs: 30_000,
  /** A statement that Postgres could not take is tried again this long before the run is let go. */
  postgresRetryMsMax: 60_000,
  /** The same where a person waits for the answer. */
  postgresHurriedMsMax: 2_000,
  postgresConnectionsMax: 10,
  redisConnectMs: 5_000,

  /** How long a call of an executor of level 0 may take; it knows no deadline itself. */
  level0CallMsMax: 600_000,
  cancelGraceMs: 2_000,
  /** Claimed runs that are read at once, of whichever executor: each is a whole log in memory. */
  resumesAtOnceMax: 4,

  /** A replica that leaves. */
  drain: {
    /** An answer that is being given is waited for so long. */
    answerMsMax: 20_000,
    /** Executors are sent away one after the other, so much for each and so long at the most. */
    spreadMsPerExecutor: 10,
    spreadMsMax: 5_000,
    /** However it goes, it is gone after this. */
    exitMsMax: 28_000,
  },
  runsPageMax: 200,

  /** Who may come in, how often and how many at once; each replica counts for itself. */
  door: {
    requestsPerSecond: 50,
    /** A token or address that was quiet may ask for so many seconds' worth at once. */
    burstSeconds: 10,
    /** An address may have so many times what a token may: several people come from one. */
    addressFactor: 4,
    /** Wrong or missing tokens from one address. */
    failures: { perSecond: 0.5, burst: 30 },
    /** Tokens and addresses that are remembered. */
    keysMax: 100_000,
    executorsPerToken: 10_000,
    viewersPerToken: 500,
    /** Of one replica, whoever has them. */
    executorsMax: 20_000,
    viewersMax: 2_000,
    fullRetryMs: 5_000,
    tokensPollMs: 5_000,
    tokensFileBytesMax: 1024 * 1024,
  },
  http: {
    bodyBytesMax: 1024 * 1024,
    headBytesMax: 16 * 1024,
    /** A request head that dribbles in, and then its body, hold a socket no longer than this. */
    headMsMax: 8_000,
    requestMsMax: 30_000,
  },
  /** One executor's socket: what it may send in the long run, and at once. */
  socket: {
    frames: { perSecond: 5_000, burst: 20_000 },
    pings: { perSecond: 10, burst: 200 },
    /** Pieces of one message. */
    fragmentsMax: 1_024,
  },

  /** What the schema of a foreign tool may ask of a check: one of ours takes less than a millisecond, and everybody else waits meanwhile. */
  argumentCheckMsMax: 500,
  schemaPatternCharactersMax: 1_000,

  model: {
    connectMsMax: 15_000,
    /** From the request to the first byte of its answer: models that think in silence and local ones that read a long prompt need minutes. */
    firstByteMsMax: 300_000,
    /** Between two bytes of an answer; servers that hold a tool call back until it is whole are silent for long. */
    silenceMsMax: 120_000,
    /** An answer that comes in so many reads in a row, each this soon after the last, is read once in this time from then on. */
    quickReadsMin: 32,
    paceMs: 3,
    /** After the last word of an answer, for the usage and the end of the stream. */
    finishMsMax: 5_000,
    /** A body that says why a request was refused. */
    refusalMsMax: 10_000,
    refusalBytesMax: 64 * 1024,
    /** What the server may say in a sentence of ours. */
    refusalCharactersMax: 500,
    /** One event of a stream, and an answer that is not streamed. */
    eventBytesMax: 16 * 1024 * 1024,
    /** Text, reasoning and arguments of one answer together; it is cut there and says so (SV-33). */
    answerCharactersMax: 2_000_000,
    toolRequestsMax: 128,
    toolRequestIdCharactersMax: 256,
    attemptsMax: 8,
    /** A server that never answered yet is given up sooner: its address is likely to be wrong. */
    attemptsUnprovenMax: 3,
    /** Silence costs minutes and garbage rarely heals. */
    attemptsHopelessMax: 3,
    retryMsMin: 500,
    retryMsMax: 30_000,
    /** All waits of one request together; a server that asks for more (Retry-After) is given up at once. */
    retryMsTotalMax: 300_000,
    modelListMsMax: 10_000,
    modelsShownMax: 12,
    /** Tokens supposed to fit into a model nobody knows, and into one of a local server that has not told. */
    contextTokensDefault: 128_000,
    contextTokensLocal: 32_768,
    /** With less than this nothing useful fits: instructions and tools alone take about 2,500. */
    contextTokensMin: 4_096,
    /** Models whose context is remembered. */
    modelsKnownMax: 1_000,
    freeSocketsMax: 16,
    /** A connection that was idle for longer is not used again: what lies between may have dropped it silently. */
    idleSocketMsMax: 300_000,
    /** A connection opened ahead that no request came for. */
    spareSocketMsMax: 30_000,
    /** After this an idle connection proves that its other end is there. */
    probeSocketMs: 30_000,
  },

  /** When and how the older part of a run is summed up. Shares are of the room that the instructions and tools leave. */
  compaction: {
    /** Text is measured in characters; this many are a token until the model's server has said how many it read, and then within these bounds. */
    charactersPerTokenDefault: 3.5,
    charactersPerTokenMin: 1,
    charactersPerTokenMax: 8,
    /** Kept free for an answer, and never more than a share of the context. */
    answerTokens: 16_384,
    answerShare: 0.2,
    /** The newest turns stay as they are. */
    tailShare: 0.25,
    tailTokensMax: 32_000,
    /** What takes the place of the rest; alone where no turn is short enough to stay. */
    textShare: 0.2,
    textShareAlone: 0.4,
    textTokensMax: 16_000,
    textCharactersMin: 600,
    /** With less room than this no work can be done. */
    roomTokensMin: 1_000,
    /** Of a request that was refused as too long: what counts as the model's context from then on. */
    refusedShare: 0.9,
    /** The model's own summary: its part of the text, what the question for it takes, and how much longer it may be before it is given up. */
    summaryShare: 0.35,
    questionTokens: 300,
    summaryExcessMax: 2,
    charactersPerWord: 8,
    /** Compactions that follow one another within so few turns, before the run ends. */
    inARowMax: 4,
    turnsBetweenMin: 2,

    planCharactersMax: 12_000,
    filesMax: 100,
    commandsMax: 40,
    commandCharactersMax: 300,
    inputsMax: 20,
    inputCharactersMax: 2_000,
    earlierMax: 10,
    earlierCharactersMax: 1_000,
    /** Results of one answer that are told where none can stay; the oldest go first. */
    resultsMax: 32,
  },

  /** The Postgres of a Maestro that was given none. */
  embedded: {
    /** A longer path of a Unix socket is cut by one system or another. */
    socketPathBytesMax: 103,
    /** Making the database once, on a slow disk. */
    createMsMax: 120_000,
    /** A start after a crash replays the log first. */
    startMsMax: 60_000,
    /** One that runs but cannot be reached for this long is ended and started anew. */
    unreachableMsMax: 5_000,
    pollMs: 10,
    /** How often it is looked whether one that was found running is still there. */
    watchMs: 1_000,
    /** Each step of a stop: ends sessions, then ends at once, then is killed. */
    stopMsMax: 5_000,
    quitMsMax: 2_000,
    /** Its log; one older part is kept. */
    logBytesMax: 1024 * 1024,
  },
} as const
