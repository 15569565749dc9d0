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

  /** How long one search may take; what was found until then is shown. */
  searchMsMax: 30_000,
  /** A longer regular expression or glob is refused; and how many globs the braces of one may make. */
  searchPatternBytesMax: 16_000,
  globBytesMax: 1_000,
  globAlternativesMax: 200,
  /** Globs for names that a search is narrowed with. */
  globNamesMax: 50,
  /** A larger file is not searched: ripgrep holds a whole line, and every match in it. */
  searchFileBytesMax: 32 * 1024 * 1024,
  /** A longer line that matches is told of, not shown; and how much of a shorter one is. */
  searchRecordBytesMax: 4 * 1024 * 1024,
  searchLineCharactersMax: 500,
  /** Characters of lines that one search keeps. */
  searchCharactersMax: 60_000,
  /** Paths one listing of files goes through before it stops counting. */
  searchPathsScannedMax: 1_000_000,
  /** Files with the same time of change that are put in order among the newest. */
  searchSameTimeMax: 2_000,
  /** Of what ripgrep says on stderr. */
  searchComplaintCharactersMax: 4_000,

  /** What a process group gets between SIGTERM and SIGKILL; with the next one it is gone within a second. */
  groupTermMs: 400,
  /** How long a killed group may take to vanish before the call goes on without it. */
  groupKillMs: 300,
  /** After a command's shell has ended, how long another holder of its pipes is waited for. */
  pipeDrainMs: 200,
  /** After that holder was killed, how long the pipes may take to run dry before they are closed from this side. */
  pipeCloseMs: 300,
  /** How long the system's reason for refusing a new process is waited for. */
  commandRefusedMs: 1_000,
  /** The longest single argument Linux takes; a longer command has to be a script. */
  commandBytesMax: 128 * 1024 - 1,
  /** Smaller pieces of output are always read; larger ones may wait until it is known whether they will be shown. */
  floodPieceBytesMin: 4_096,
  /** The whole output of one command, on disk. */
  outputFileBytesMax: 256 * 1024 * 1024,
  /** After so long what a command has printed is on disk, where it outlives codegend; and how much of it is told if codegend is killed. */
  outputSoonMs: 250,
  outputSoFarBytesMax: 30_000,
  /** Output waiting for the disk before the command is made to wait too. */
  outputFileBufferBytes: 1024 * 1024,
  /** How long the disk may take to close an output file before the call goes on without it. */
  outputFileCloseMs: 500,
  /** How long pieces of live output are gathered into one. */
  liveOutputMs: 5,
  /** One piece of live output; in UTF-8 never more than the protocol's `outputDeltaBytesMax`. */
  liveChunkCharactersMax: 21_000,
  /** Live output a command may show at once, and then each second. What is beyond is counted, not shown. */
  liveBurstCharactersMax: 256 * 1024,
  liveCharactersPerSecondMax: 256 * 1024,
  /** After too much, showing goes on when this much is allowed again. */
  liveResumeCharacters: 64 * 1024,

  /** The journal is rewritten when it is this long and twice as long as after its last rewriting. */
  journalBytesMax: 16 * 1024 * 1024,
  /** How often it is looked for what others write to it, besides being watched; and what is read at once. */
  journalLookMs: 500,
  journalPieceBytes: 64 * 1024,
  /** How often it is looked whether a codegend that holds calls is still there; and how long it may hold one: longer than any call takes. */
  holderCheckMs: 500,
  holderGoneEveryMs: 20,
  heldCallMsMax: 660_000,
  /** How long the end of held calls is waited for when all of codegend leaves. */
  heldEndMsMax: 5_000,
  /** Calls and runs the journal remembers; the oldest that are over go first. */
  journalCallsMax: 10_000,
  journalRunsMax: 1_000,
  /** Characters of results that are on record at Maestro and are still kept here, in case it asks once more. */
  journalKeptCharactersMax: 4 * 1024 * 1024,

  /** How long, and of how many runs, the whole output of commands is kept. */
  outputKeptMs: 7 * 24 * 3_600_000,
  outputFoldersMax: 50,
  /** Calls that wait or run at once; more are refused. */
  openCallsMax: 500,
  /** Answers from the server that wait for one call's question to be put; the newest stay. */
  earlyAnswersMax: 20,
  /** How long finding, deciding and previewing a call may each take. */
  prepareMsMax: 30_000,
  /** Characters of a command or diff in what Maestro is told of a question; the owner is shown all of it. */
  previewCharactersMax: 20_000,
  /** After its time is up or it was cancelled, how long a tool that ignores it is waited for. */
  toolIgnoresMs: 2_500,
  /** How long pieces of a call's output are gathered before they are sent. */
  outputDeltaMs: 2,
  /** Unsent bytes on the link above which live output is dropped; the results never are. */
  linkBufferBytesMax: 4 * 1024 * 1024,

  /** How long one dial may take until Maestro has said welcome. */
  dialMsMax: 15_000,
  /** A dial that has no answer by then gets another one beside it. */
  dialBesideMs: 750,
  /** The first dial after a link was lost waits so long for a server, each further one twice as long: one that hangs is soon left for another. */
  dialMsMin: 3_000,
  /** A link that held this long was a good one: the next dials begin anew with short pauses. */
  linkSteadyMs: 1_000,
  /** A server that welcomed and was gone soon is there all the same: it counts as so many failed dials at the most. */
  linkShortMax: 3,
  /** How often a server of level 0 is looked at again: it may have been replaced by one of level 1. */
  seedCheckMs: 600_000,
  /** How long a goodbye may take. */
  linkStopMsMax: 1_000,
  /** How long a start may wait for a link. */
  linkReadyMsMax: 20_000,
  /** Pause after Maestro refused the token: it has to be changed by a person. */
  refusedRetryMs: 60_000,
  /** Reliable messages kept for Maestro. */
  outboxMessagesMax: 20_000,
  /** Events kept for a viewer until its request was answered. */
  viewerHeldEventsMax: 10_000,
  /** Pause before a run that could not be shown is asked for again. */
  showAgainMs: 1_000,
  /** After a run has ended, how long a viewer waits for events it lacks before they are asked for again, and how often that is done in vain. */
  lastEventsMs: 2_000,
  lastEventsTriesMax: 30,
  /** One answer of Maestro's HTTP interface. */
  httpBodyBytesMax: 8 * 1024 * 1024,
  httpMsMax: 10_000,

  /** Clients on the local socket at once. */
  clientsMax: 64,
  /** Bytes a client may leave unread before it is dropped; its run goes on. */
  clientBufferBytesMax: 8 * 1024 * 1024,
  /** How long whoever listens on our socket already may take to say who it is. */
  whoIsFirstMs: 2_000,
  /** How long a codegend that is asked to hand over may take: its Maestro leaves first. */
  handOverMsMax: 20_000,
  /** How long the login service's codegend finishes what runs before it ends it; with the rest of its leaving below the unit's TimeoutStopSec. */
  serviceLeaveMsMax: 20_000,
  /** How often two daemons that start at once may step back for each other. */
  claimSocketTriesMax: 5,
  /** How often the socket's file is looked at besides being watched. */
  socketCheckMs: 10_000,
  /** Characters of a prompt in a list of runs. */
  listedPromptCharactersMax: 1_000,

  /** How long a private Maestro may take to say that it is ready, and to leave when asked. */
  maestroReadyMsMax: 60_000,
  maestroStopMsMax: 10_000,
  /** A private Maestro that ran this long was a good one: the next pauses begin short. */
  maestroSteadyMs: 10_000,
  /** A line of its output; longer ones are cut. */
  maestroLineCharactersMax: 8_000,

  /** A program that is only asked whether it works gets this long. */
  probeMsMax: 3_000,
  /** A command that tells the system about the login service. */
  serviceCommandMsMax: 40_000,
  shownCommandCharactersMax: 300,
  /** Less than this much room and Postgres may not be able to write. */
  diskFreeBytesMin: 500_000_000,

  /** The log is five files of this size at most. */
  logFileBytesMax: 10 * 1024 * 1024,
  logFilesMax: 5,
  /** Read at once when the end of the log is looked for. */
  logPieceBytes: 256 * 1024,
  /** Bytes of found lines one answer holds at most; more lines than that fit are not sent. */
  logAnswerBytesMax: 8 * 1024 * 1024,

  /** Redirects one fetch follows at most, whatever its tool allows. */
  fetchRedirectsMax: 5,
  /** How often over an answer may be compressed. */
  fetchEncodingsMax: 2,
  /** What reading a page as Markdown may take: time, and megabytes of its thread's memory. */
  pageMsMax: 10_000,
  pageMemoryMbMax: 256,
  pageYoungMemoryMbMax: 32,
  /** What is read of a page: its source up to so many tags, its elements, how deep they are nested, and the characters of a link. */
  pageTagsMax: 60_000,
  pageElementsMax: 20_000,
  pageDepthMax: 250,
  pageLinkCharactersMax: 1_000,
  /** How long the process that asks the clipboard may take to be ready; then how long the clipboard may take, and how much it may hold. */
  clipboardStartMsMax: 5_000,
  clipboardMsMax: 2_000,
  /** How long it is waited for that the clipboard gives back what was written to it. */
  clipboardSettleMsMax: 500,
  clipboardBytesMax: 1024 * 1024,

  /** What a plugin's folder may hold, and how many there may be. */
  pluginFilesMax: 5_000,
  pluginBytesMax: 64 * 1024 * 1024,
  pluginsMax: 100,
  /** Projects that may bring plugins of their own. */
  pluginProjectsMax: 50,
  /** Copies of older versions are kept while one may still run a call, and no more of them than this. */
  pluginCopyKeptMs: 60 * 60_000,
  pluginCopiesMax: 100,
  /** A folder that has not changed for so long is taken for whole; and how often all are looked at besides being watched. */
  pluginSettleMs: 130,
  pluginLookMs: 10_000,
  /** How far below `plugins/` changes are watched for; those below that are found by the next look. */
  pluginWatchDepthMax: 6,
  /** How long the first dial waits for plugins to be known. */
  pluginsFirstMsMax: 1_000,
  /** What one plugin may offer, and how deep a schema of it may be nested. */
  pluginToolsMax: 50,
  pluginSchemaDepthMax: 40,
  /** How long a plugin may take to say what its tools are; and, when one of its calls was ended, to show that it is not stuck. */
  pluginDescribeMsMax: 5_000,
  pluginPingMsMax: 1_000,
  /** One that was late is tried again after so long, each time after twice as long, and so often: the machine may have been busy. */
  pluginLateRetryMs: 10_000,
  pluginLateTriesMax: 5,
  /** A process without calls is ended after so long; one whose version was replaced may finish its calls for so long. */
  pluginIdleMs: 60_000,
  pluginLeaveMsMax: 30_000,
  /** So many crashes within this time and a plugin is off until it changes. After each one its next start waits, twice as long each time. */
  pluginCrashesMax: 3,
  pluginCrashWindowMs: 60_000,
  pluginRestartMs: 250,
  /**
   * Megabytes of a plugin's memory: of the heap of a module; of everything its processes hold, looked at so often; and what the kernel lets one process have to write to, of which
   * Node takes 600 before it does anything.
   */
  pluginMemoryMbMax: 128,
  pluginResidentMbMax: 512,
  pluginLookMemoryMs: 250,
  pluginWritableMbMax: 1_152,
  /** Processes of a plugin, and their threads. */
  pluginProcessesMax: 64,
  pluginThreadsMax: 256,
  /** Megabytes of one file it writes, of what it keeps in its folder, and of each folder in memory it has in a sandbox; files it keeps; and how often those are counted. */
  pluginFileMbMax: 1_024,
  pluginKeptMbMax: 1_024,
  pluginKeptFilesMax: 20_000,
  pluginLookKeptMs: 2_000,
  pluginScratchMbMax: 64,
  /** One line between codegend and a plugin; a file or page that fits into one; and what a plugin may leave unread. */
  pluginLineBytesMax: 16 * 1024 * 1024,
  pluginPieceBytesMax: 8 * 1024 * 1024,
  pluginUnreadBytesMax: 64 * 1024 * 1024,
  /** Requests a plugin may have open, how fast it is read, and a piece of its output or log. */
  pluginOpenRequestsMax: 64,
  pluginBytesPerSecondMax: 16 * 1024 * 1024,
  pluginNewsCharactersMax: 20_000,
  /** What a plugin says for its author: one line of it, how much a second, one file of it and how many files. */
  pluginLogLineCharactersMax: 4_000,
  pluginLogCharactersPerSecondMax: 256 * 1024,
  pluginLogFileBytesMax: 1024 * 1024,
  pluginLogFilesMax: 2,
  /** Of what a call of a plugin under development is given, and of what it returns, as its author is shown it. */
  pluginDevCharactersMax: 4_000,
  /**
   * How long one beforeTool may take, with the start of its process, before the call is refused; how long an afterTool may, and how long a result waits for their notes: with
   * `toolIgnoresMs` left to those that were ended, a call that ended by itself still ends within its time and three seconds.
   */
  beforeToolMsMax: 5_000,
  afterToolMsMax: 5_000,
  afterToolNotesMsMax: 2_000,
  /** A plugin that has to see calls first and is not there is waited for so long: its folder may be just being replaced. */
  guardGoneMs: 1_000,
  /** Of what one hook says to one call; and of the result it is told. */
  hookNoteCharactersMax: 2_000,
  hookedTextCharactersMax: 50_000,
  /** Of what a plugin's process says on stderr. */
  pluginComplaintCharactersMax: 8_000,

  /** Servers in one file, and characters of a server's name. */
  mcpServersMax: 50,
  mcpNameCharactersMax: 64,
  /** How long an MCP server may take to start, or to be reached, and to say what its tools are: some fetch themselves from a registry first. */
  mcpStartMsMax: 30_000,
  /** What one server may offer, in tools and in bytes of all their definitions; how many pages of its list are read; and how many tools are named that are left out. */
  mcpToolsMax: 100,
  mcpDefinitionsBytesMax: 400_000,
  mcpPagesMax: 100,
  mcpListedMax: 20_000,
  mcpReasonsMax: 5,
  /** A server that says its tools have changed is asked for them no more often than this. */
  mcpListChangedMs: 300,
  /** News of a server within a second; what is more is dropped. */
  mcpNewsPerSecondMax: 1_000,
  /** How long a server's process may take to go by itself once its standard input has ended. */
  mcpLeaveMsMax: 500,
} as const
