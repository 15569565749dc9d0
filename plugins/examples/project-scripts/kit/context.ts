import type { ToolStatus } from './tool-definition.ts'

/**
 * A tool's only hands. Built-ins and foreign plugins reach files, processes and the network through this and nothing else, so that policy,
 * sandbox and redaction have one place to stand.
 */
export type ToolContext = {
  readonly files: Files
  readonly search: Search
  readonly spawn: Spawn
  readonly fetch: Fetch
  readonly toMarkdown: ToMarkdown
  readonly clipboard: Clipboard
  readonly ask: Ask
  /** Aborted when the call is cancelled or its time is up; the reason is a Failure. */
  readonly signal: AbortSignal
  /** Absolute real path this call works in, inside `workspaceRoot`. */
  readonly cwd: string
  /** Absolute real path of the run's root. */
  readonly workspaceRoot: string
  readonly toolId: string
  readonly generationId: string
  /** How long this call may take in all, in milliseconds. */
  readonly timeoutMs: number
  /** Shows a piece of output to whoever watches, at once. It is not the result. */
  output(chunk: string, stream?: OutputStream): void
  progress(message: string): void
  readonly log: { info(message: string): void; warn(message: string): void }
  /** A folder of this plugin's own, created on first use. */
  readonly dataDir: string
  readonly config: Readonly<Record<string, unknown>>
}

export type OutputStream = 'stdout' | 'stderr' | 'log' | 'progress'

/**
 * Rooted files. Every path is taken relative to the call's `cwd`, resolved to its real path and refused outside the run's root with
 * file.outside_workspace; what cannot be a path is file.bad_path. The `path` of an answer is the absolute real one unless said otherwise.
 */
export type Files = {
  /**
   * Reads a regular file of at most `bytesMax` bytes and remembers its digest as what this run last saw of it; with `shown: false`, for bytes
   * the model will not see, nothing is remembered. Also reads the folders where whole outputs are kept, by absolute path.
   * Fails with file.not_found, file.not_regular, file.unreadable or file.too_big, at once for anything but a regular file.
   */
  read(path: string, options: { bytesMax: number; shown?: boolean }): Promise<FileContent>
  /** The first `bytesMax` bytes of a regular file of any size. Remembers nothing; fails as `read` does, but never with file.too_big. */
  readHead(path: string, options: { bytesMax: number }): Promise<FileHead>
  /** What is at a path, following links inside the root; undefined where nothing is. */
  stat(path: string): Promise<FileStat | undefined>
  /**
   * Replaces a file in one step (temporary file, then rename), making folders as needed and keeping the mode (`mode` is for a new one); remembers what it wrote. `ifDigest` is
   * the digest the caller worked from (null: the file must not exist); anything else on disk at that moment is file.changed and nothing is
   * written. Fails with file.not_regular, file.unwritable or tool.denied (a protected path without consent); the old content is then intact.
   */
  write(
    path: string,
    bytes: Uint8Array,
    options?: { ifDigest?: string | null; mode?: number },
  ): Promise<FileStat & { created: boolean }>
  /** Removes a regular file that still has this digest. Fails with file.changed, file.not_found, file.not_regular (a link too), file.unwritable or tool.denied. */
  remove(path: string, options: { ifDigest: string }): Promise<void>
  /** The digest of what this run last read or wrote of this file; undefined when it never did. */
  lastSeen(path: string): Promise<string | undefined>
  /**
   * The tree below a folder in the order of its paths, without `.git` and what .gitignore names. When there is more than `entriesMax`, what lies nearest
   * to the folder is kept. Links are named, never followed.
   */
  list(path: string, options: { depth: number; entriesMax: number }): Promise<FileListing>
}

export type FileContent = { readonly path: string; readonly bytes: Uint8Array; readonly digest: string }
/** `size` is that of the whole file. */
export type FileHead = { readonly path: string; readonly bytes: Uint8Array; readonly size: number }
export type FileStat = {
  readonly path: string
  readonly kind: 'file' | 'folder' | 'other'
  readonly size: number
  readonly modifiedMs: number
  /** Permission bits. */
  readonly mode: number
}
/** `path` is relative to the listed folder, with `/` between names; `target` is where a link points, as it is written. */
export type FileEntry =
  | { readonly path: string; readonly kind: 'file' | 'folder' | 'other' }
  | { readonly path: string; readonly kind: 'link'; readonly target: string }
/** `total` counts what a listing without `entriesMax` would hold; not exact means that there is more than that. */
export type FileListing = {
  readonly path: string
  readonly entries: readonly FileEntry[]
  readonly total: number
  readonly totalIsExact: boolean
  /** The folder is itself named by a .gitignore above it: it was listed because it was asked for. */
  readonly ignored: boolean
}

/**
 * Searching below a folder inside the root, without `.git`, links and what .gitignore names. Ends within a bound of its own whatever is looked for. Paths of an answer are
 * relative to the call's `cwd`. Fails as `files` does for the folder, with tool.bad_arguments for what is no pattern, saying why, with tool.timeout when nothing was found in time, or
 * with tool.unavailable.
 */
export type Search = {
  /** Regular files below a folder whose path fits a glob, those changed last first. */
  paths(options: { folder: string; glob: string; pathsMax: number }): Promise<FoundPaths>
  /** Lines that match a regular expression, by path and number, in text files below a folder or in one file. Nothing of it counts as seen. */
  lines(options: LineSearch): Promise<FoundLines>
}

/** `total` counts all that fit; not exact means that there may be more. */
export type FoundPaths = { readonly paths: readonly string[]; readonly total: number; readonly totalIsExact: boolean }

/** `context` is how many lines before and after are wanted too. */
export type LineSearch = { path: string; regex: string; glob?: string; context: number; linesMax: number }

export type FoundLines = {
  readonly files: readonly FoundFile[]
  /** Lines that match, of those in `files`. */
  readonly matches: number
  /** `enough`: there are more lines than were wanted or fit. `timeout`: there may be. */
  readonly end: 'all' | 'enough' | 'timeout'
  /** Why something was left unsearched, as the search says it. */
  readonly complaint: string | undefined
}
export type FoundFile = {
  readonly path: string
  readonly lines: readonly FoundLine[]
  /** Lines that match and are too long to be looked into. */
  readonly hugeLines: number
}
/** `text` has no line end; it is a part of a long line, around its first match, when `cut` is set. */
export type FoundLine = {
  readonly number: number
  readonly kind: 'match' | 'context'
  readonly text: string
  readonly cut: boolean
}

/** The only way to start a command. */
export type Spawn = (command: string, options: SpawnOptions) => Promise<SpawnResult>

export type SpawnOptions = {
  /** Relative to the call's `cwd`; refused outside the root. */
  cwd?: string
  timeoutMs: number
  /** Characters of output kept for the caller: half from the head, half from the tail. */
  charactersMax: number
  /** Pieces of output as they come, in order, decoded, without control characters; thinned out when they come faster than anyone reads. */
  onOutput?: (chunk: string, stream: 'stdout' | 'stderr') => void
}

export type SpawnResult = {
  readonly end:
    | { kind: 'exited'; code: number }
    | { kind: 'signalled'; signal: string }
    | { kind: 'timeout' }
    | { kind: 'cancelled' }
  readonly durationMs: number
  /**
   * Head and tail of stdout and stderr as they came, at most `charactersMax` characters in all, without control characters and with progress lines in
   * their last state. All of it is in `head` when nothing was cut.
   */
  readonly head: string
  readonly tail: string
  /** Bytes the command printed. */
  readonly bytesTotal: number
  /** Bytes of text left out between head and tail. */
  readonly bytesCut: number
  /** A file with all that was printed, byte for byte; undefined when nothing was cut or the disk refused it. */
  readonly outputPath: string | undefined
  /** Bytes in that file: fewer than `bytesTotal` when there was more than a file may hold. */
  readonly outputPathBytes: number
}

/** The only way to the network. Addresses that are not public unicast are refused at the literal, at the lookup and at each hop. */
export type Fetch = (url: string, options: FetchOptions) => Promise<FetchResult>
export type FetchOptions = {
  timeoutMs: number
  decodedBytesMax: number
  redirectsMax: number
  headers?: Record<string, string>
}
export type FetchResult = {
  readonly url: string
  readonly status: number
  readonly contentType: string
  readonly bytes: Uint8Array
  readonly truncated: boolean
}

/**
 * Reads HTML as Markdown of at most `charactersMax` characters, links made whole by `baseUrl`, without scripts, styles, pictures and what is hidden. The
 * work is done in a thread of its own with bounds in memory and time. Fails with fetch.unreadable for a page that keeps to neither.
 */
export type ToMarkdown = (html: string, options: { baseUrl: string; charactersMax: number }) => Promise<Markdown>
/** `cut`: the page has more. */
export type Markdown = { readonly title: string; readonly text: string; readonly cut: boolean }

export type Clipboard = { read(): Promise<string>; write(text: string): Promise<void> }

/** Puts a yes-or-no question to the owner; false when nobody is there to answer. */
export type Ask = (question: { title: string; detail?: string }) => Promise<boolean>

/** What a tool returns: text for the model, or that with more for people and programs. */
export type ToolReturn =
  | string
  | {
      text: string
      structured?: unknown
      /** Default: `success`, or `error` with isError. */
      status?: ToolStatus
      isError?: boolean
      truncated?: boolean
      bytesTotal?: number
    }
