import type {
  FileContent,
  FileHead,
  FileListing,
  Files,
  FileStat,
  FoundLines,
  FoundPaths,
  Markdown,
} from '@codegen/kit'
import type { HookedCall, HookedResult } from '@codegen/kit'
import type { FetchOptions, FetchResult, LineSearch, OutputStream, SpawnOptions, SpawnResult } from '@codegen/kit'

/** What codegend asks of a plugin's process. Bytes are base64 in both directions. */
export type RunnerMethods = {
  /** The definitions of its tools, and which hooks it has; nobody has checked them yet. */
  describe: { parameters: object; result: unknown }
  /** Runs a tool; cancelled with the request. What it answers is unchecked too. */
  call: { parameters: RunnerCall; result: unknown }
  /** Calls a hook; null is no answer. What else it answers is unchecked. */
  hook: { parameters: HookRequest; result: unknown }
  /** Answered at once by a process that is not stuck. */
  ping: { parameters: object; result: unknown }
}

export type HookName = 'beforeTool' | 'afterTool'

/** `result` is there for `afterTool`. */
export type HookRequest = { readonly hook: HookName; readonly call: HookedCall; readonly result?: HookedResult }

/** A call before it is known which plugin is told of it. */
export type CallToHook = Omit<HookedCall, 'dataDir'>

export type RunnerCall = {
  readonly call_id: string
  readonly tool: string
  readonly parameters: Readonly<Record<string, unknown>>
  readonly place: RunnerPlace
}

/** Where a call works: what is plain data of its context. */
export type RunnerPlace = {
  readonly cwd: string
  readonly workspaceRoot: string
  readonly toolId: string
  readonly generationId: string
  readonly timeoutMs: number
  readonly dataDir: string
}

type OfCall<Parameters, Result> = { parameters: Parameters & { call_id: string }; result: Result }
type InText<Content extends { bytes: Uint8Array }> = Omit<Content, 'bytes'> & { readonly bytes: string }
type WriteOptions = Parameters<Files['write']>[2]

/** What a plugin's process asks of codegend: the methods of its call's context. */
export type ContextMethods = {
  'files/read': OfCall<{ path: string; options: { bytesMax: number; shown?: boolean } }, InText<FileContent>>
  'files/readHead': OfCall<{ path: string; options: { bytesMax: number } }, InText<FileHead>>
  'files/stat': OfCall<{ path: string }, FileStat | null>
  'files/write': OfCall<
    { path: string; bytes: string; options: NonNullable<WriteOptions> },
    FileStat & { created: boolean }
  >
  'files/remove': OfCall<{ path: string; options: { ifDigest: string } }, null>
  'files/lastSeen': OfCall<{ path: string }, string | null>
  'files/list': OfCall<{ path: string; options: { depth: number; entriesMax: number } }, FileListing>
  'search/paths': OfCall<{ folder: string; glob: string; pathsMax: number }, FoundPaths>
  'search/lines': OfCall<LineSearch, FoundLines>
  /** `live`: what the command prints is told as `spawn/output`, by this number. */
  spawn: OfCall<{ command: string; options: Omit<SpawnOptions, 'onOutput'>; live?: number }, SpawnResult>
  fetch: OfCall<{ url: string; options: FetchOptions }, InText<FetchResult>>
  toMarkdown: OfCall<{ html: string; options: { baseUrl: string; charactersMax: number } }, Markdown>
  ask: OfCall<{ title: string; detail?: string }, boolean>
}

/** What a plugin's process tells of a call. */
export type RunnerNews = {
  output: { call_id: string; chunk: string; stream: OutputStream }
  log: { call_id: string; level: 'info' | 'warn'; message: string }
}
