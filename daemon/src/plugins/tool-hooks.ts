import { setTimeout as delay } from 'node:timers/promises'
import type { HookedResult } from '@codegen/kit'
import { stripControls } from '@codegen/kit/strip-controls'
import { Failure } from '@codegen/protocol/failure'
import type { Log } from '#log'
import { limits } from '#limits'
import type { CallToHook, HookName } from '#plugin-process/runner-messages'
import type { InstalledPlugin } from './installed-plugin.ts'
import { parseHookAnswer } from './parse-hook-answer.ts'
import type { HookAnswer } from './parse-hook-answer.ts'
import { namesTool } from './plugin-consent.ts'
import type { Guard, PluginConsent } from './plugin-consent.ts'
import { isOfferedIn } from './plugin-root.ts'
import type { PluginVersion } from './plugin-version.ts'
import { unlessAborted } from './unless-aborted.ts'

/** What plugins have to say to the calls of this machine. Where none asked to be told of a tool's calls there is nothing to call, and nothing to wait for. */
export type ToolHooks = {
  /** `root`: the run's, since what a project brings is for who works in it. */
  before(tool: string, root: string): BeforeHooks | undefined
  after(tool: string, root: string): AfterHooks | undefined
}

/**
 * Asks the plugins that were allowed to see this tool's calls first, one after the other by name, until one refuses. One that cannot be asked refuses. Fails only with the signal's
 * reason.
 */
export type BeforeHooks = (call: CallToHook, cancelled: AbortSignal) => Promise<Judgement>

/** Tells all that were allowed to hear of it, at once. Answers with their notes by name, of those that came before `limits.afterToolNotesMsMax` or the signal. Never fails. */
export type AfterHooks = (call: CallToHook, result: HookedResult, enough: AbortSignal) => Promise<readonly HookNote[]>

/** What a plugin adds to a result. */
export type HookNote = { readonly plugin: string; readonly text: string }

export type Judgement =
  | { readonly kind: 'passed'; readonly notes: readonly HookNote[] }
  | { readonly kind: 'refused'; readonly failure: Failure }

export const noHooks: ToolHooks = { before: () => undefined, after: () => undefined }

export type ToolHooksParts = {
  plugins(): readonly InstalledPlugin[]
  /** What lies in `plugins/` now was looked at and tried. */
  settled(): Promise<void>
  readonly consent: Pick<PluginConsent, 'guardsOf'>
  readonly log: Log
}

/** The hooks of foreign plugins. A plugin that may see calls first guards them for as long as its owner lets it, whether it can be started or not. */
export function createToolHooks(parts: ToolHooksParts): ToolHooks {
  return {
    before(tool, root) {
      const guards = parts.consent.guardsOf(tool, root)
      return guards.length === 0 ? undefined : (call, cancelled) => judge(guards, { call, cancelled }, parts)
    },
    after(tool, root) {
      const isTold = (plugin: InstalledPlugin): boolean =>
        plugin.serving !== undefined &&
        namesTool(plugin.serving.hooks.after, tool) &&
        isOfferedIn(plugin.root.project, root)
      const told = parts.plugins().filter(isTold)
      return told.length === 0 ? undefined : (call, result, enough) => tellAll(told, { call, result, enough }, parts)
    },
  }
}

type Asked = { readonly call: CallToHook; readonly cancelled: AbortSignal }

async function judge(guards: readonly Guard[], asked: Asked, parts: ToolHooksParts): Promise<Judgement> {
  const notes: HookNote[] = []
  for (const guard of guards) {
    const { name } = guard
    const answer = await askGuard(guard, asked, parts)
    if (answer.kind === 'broken') return { kind: 'refused', failure: toBroken(name, asked.call.tool, answer.reason) }
    if (answer.kind === 'refuse') {
      const reason = answer.reason || 'it gave no reason.'
      const failure = new Failure('plugin.denied', `The plugin ${name} refused this call: ${reason}`)
      return { kind: 'refused', failure }
    }
    if (answer.kind === 'note') notes.push({ plugin: name, text: answer.text })
  }
  return { kind: 'passed', notes }
}

function toBroken(name: string, tool: string, reason: string): Failure {
  return new Failure(
    'plugin.broken',
    `The plugin ${name} has to see calls of ${tool} before they run, and did not judge this one: ${reason} ` +
      `So the call was refused. Its owner can take it away with: codegen plugins disable ${name}`,
  )
}

type Answer = HookAnswer | { readonly kind: 'broken'; readonly reason: string }

async function askGuard(guard: Guard, { call, cancelled }: Asked, parts: ToolHooksParts): Promise<Answer> {
  const found: { plugin?: InstalledPlugin } = {}
  const ask = async (signal: AbortSignal): Promise<HookAnswer> => {
    const { plugin, version } = await findGuard(guard, call.tool, { ...parts, signal })
    found.plugin = plugin
    return parseHookAnswer('beforeTool', await version.hook({ hook: 'beforeTool', call }, signal))
  }
  try {
    return await withinTime(ask, limits.beforeToolMsMax, cancelled)
  } catch (thrown) {
    cancelled.throwIfAborted()
    const reason = toReason(thrown)
    noteFault({ name: guard.name, plugin: found.plugin, hook: 'beforeTool', tool: call.tool, reason }, parts.log)
    return { kind: 'broken', reason }
  }
}

type Serving = { readonly plugin: InstalledPlugin; readonly version: PluginVersion }

/** The version that serves now. A plugin that is being tried, or whose folder is being replaced, is waited for; otherwise fails with plugin.broken, saying why there is none. */
async function findGuard(
  { name, project }: Guard,
  tool: string,
  { plugins, settled, signal }: ToolHooksParts & { signal: AbortSignal },
): Promise<Serving> {
  const goneAt = performance.now() + limits.guardGoneMs
  for (let looked = false; ; looked = true) {
    const named = plugins().filter(({ manifest, root }) => manifest?.name === name && root.project === project)
    const plugin = named.find(({ serving }) => serving) ?? named[0]
    const version = plugin?.serving
    if (plugin && version && namesTool(version.hooks.before, tool)) return { plugin, version }
    if (plugin && looked) throw broken(whyNotServing(plugin))
    if (performance.now() > goneAt) throw broken('its folder is gone.')
    if (looked) await delay(limits.pluginSettleMs, undefined, { signal })
    await settled()
  }
}

function whyNotServing({ state, manifest, problem, serving }: InstalledPlugin): string {
  if (serving) return `the version of it that serves does not see them. ${problem ?? ''}`.trim()
  return state === 'asks' ? `it waits for: codegen plugins allow ${manifest?.name}.` : (problem ?? `it is ${state}.`)
}

function broken(reason: string): Failure {
  return new Failure('plugin.broken', reason)
}

type Told = { readonly call: CallToHook; readonly result: HookedResult; readonly enough: AbortSignal }

async function tellAll(
  plugins: readonly InstalledPlugin[],
  { call, result, enough }: Told,
  { log }: ToolHooksParts,
): Promise<readonly HookNote[]> {
  const notes: HookNote[] = []
  const told = plugins.map(async (plugin) => {
    const { manifest, serving: version } = plugin
    const name = manifest?.name ?? ''
    const tell = async (signal: AbortSignal): Promise<HookAnswer> =>
      parseHookAnswer('afterTool', await version?.hook({ hook: 'afterTool', call, result }, signal))
    try {
      const answer = await withinTime(tell, limits.afterToolMsMax)
      if (answer.kind === 'note') notes.push({ plugin: name, text: answer.text })
    } catch (thrown) {
      noteFault({ name, plugin, hook: 'afterTool', tool: call.tool, reason: toReason(thrown) }, log)
    }
  })
  const timer = new AbortController()
  const late = delay(limits.afterToolNotesMsMax, undefined, { signal: timer.signal, ref: false })
  await unlessAborted(Promise.race([Promise.all(told), late]), enough).catch(() => undefined)
  timer.abort()
  return notes.toSorted((a, b) => (a.plugin < b.plugin ? -1 : 1))
}

/** Fails with tool.timeout, or with the reason of `cancelled`. What does not heed its signal goes on alone. */
async function withinTime<Value>(
  work: (signal: AbortSignal) => Promise<Value>,
  milliseconds: number,
  cancelled?: AbortSignal,
): Promise<Value> {
  const deadline = new AbortController()
  const late = new Failure('tool.timeout', `it did not answer within ${milliseconds} ms.`)
  const timer = setTimeout(() => deadline.abort(late), milliseconds)
  const signal = cancelled ? AbortSignal.any([cancelled, deadline.signal]) : deadline.signal
  try {
    return await unlessAborted(work(signal), signal)
  } finally {
    clearTimeout(timer)
  }
}

type Fault = { name: string; plugin: InstalledPlugin | undefined; hook: HookName; tool: string; reason: string }

/** For the log, and for the owner to see in `codegen plugins`. */
function noteFault({ name, plugin, hook, tool, reason }: Fault, log: Log): void {
  log.warn('a hook failed', { plugin: name, hook, tool, reason })
  if (plugin) plugin.hookFault = `Its ${hook} failed on a call of ${tool}: ${reason}`
}

/** Ends a sentence. */
function toReason(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  const words = stripControls(message.slice(0, limits.hookNoteCharactersMax)).trim()
  return /[.!?]$/.test(words) ? words : `${words}.`
}
