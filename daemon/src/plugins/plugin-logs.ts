import { rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ToolContext } from '@codegen/kit'
import type { PluginLogLine } from '@codegen/protocol/local'
import { limits } from '#limits'
import { openRotatedFile, rotatedFiles } from '#rotated-file'
import type { RotatedFile } from '#rotated-file'

/** What plugins say for their authors: a file for each, of bounded size, that only its owner can read. */
export type PluginLogs = {
  /** Takes what a plugin printed, in whatever pieces. More than limits.pluginLogCharactersPerSecondMax is left out, and that is said. */
  printed(plugin: string, text: string): void
  /** The log of a call's context, noted here as well. */
  noting(plugin: string, log: ToolContext['log']): ToolContext['log']
  /** The newest lines, oldest first. */
  last(plugin: string, count: number): Promise<PluginLogLine[]>
  /** Tells of each line as it is written. Returns the end of that. */
  subscribe(listener: (line: PluginLogLine) => void): () => void
  forget(plugin: string): void
  close(): void
}

const bounds = { bytesMax: limits.pluginLogFileBytesMax, filesMax: limits.pluginLogFilesMax }

export function createPluginLogs(home: string): PluginLogs {
  const listeners = new Set<(line: PluginLogLine) => void>()
  const open = new Map<string, RotatedFile>()
  const unfinished = new Map<string, string>()
  const pathOf = (plugin: string): string => join(home, 'log', 'plugins', `${plugin.replaceAll('/', '__')}.log`)
  const rate = createRate()

  function write(plugin: string, source: PluginLogLine['source'], texts: readonly string[]): void {
    const file = open.get(plugin) ?? openRotatedFile(pathOf(plugin), bounds)
    open.set(plugin, file)
    const time = new Date().toISOString()
    const lines = rate.admit(plugin, texts).map((text): PluginLogLine => ({ plugin, time, source, text }))
    file.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    for (const line of lines) for (const listener of listeners) listener(line)
  }

  return {
    printed(plugin, text) {
      const lines = `${unfinished.get(plugin) ?? ''}${text}`.split('\n')
      const rest = lines.pop() ?? ''
      const isLong = rest.length > limits.pluginLogLineCharactersMax
      unfinished.set(plugin, isLong ? '' : rest)
      const whole = [...lines, ...(isLong ? [rest] : [])].filter((line) => line.trim() !== '')
      if (whole.length > 0) write(plugin, 'stderr', whole)
    },
    noting: (plugin, log) => ({
      info(message) {
        write(plugin, 'info', [message])
        log.info(message)
      },
      warn(message) {
        write(plugin, 'warn', [message])
        log.warn(message)
      },
    }),
    async last(plugin, count) {
      const texts = await Promise.all(
        rotatedFiles(pathOf(plugin), bounds).map((path) => readFile(path, 'utf8').catch(() => '')),
      )
      const lines = texts.toReversed().join('').split('\n').flatMap(toLine)
      return count === 0 ? [] : lines.slice(-count)
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    forget(plugin) {
      open.get(plugin)?.close()
      open.delete(plugin)
      unfinished.delete(plugin)
      for (const path of rotatedFiles(pathOf(plugin), bounds)) rmSync(path, { force: true })
    },
    close() {
      for (const file of open.values()) file.close()
      open.clear()
    },
  }
}

/** So much of each plugin in one second, and the rest is counted. */
function createRate(): { admit(plugin: string, texts: readonly string[]): string[] } {
  const seconds = new Map<string, { second: number; characters: number; leftOut: number }>()
  return {
    admit(plugin, texts) {
      const second = Math.floor(performance.now() / 1_000)
      const before = seconds.get(plugin)
      const now = before?.second === second ? before : { second, characters: 0, leftOut: 0 }
      seconds.set(plugin, now)
      const admitted = before && before !== now && before.leftOut > 0 ? [`(${before.leftOut} lines left out)`] : []
      for (const text of texts) {
        const line = text.slice(0, limits.pluginLogLineCharactersMax)
        now.characters += line.length
        if (now.characters <= limits.pluginLogCharactersPerSecondMax) admitted.push(line)
        else now.leftOut += 1
      }
      return admitted
    },
  }
}

function toLine(text: string): PluginLogLine[] {
  try {
    const found: unknown = JSON.parse(text)
    return isLine(found) ? [found] : []
  } catch {
    // A line that was cut by a full disk.
    return []
  }
}

function isLine(found: unknown): found is PluginLogLine {
  if (typeof found !== 'object' || found === null) return false
  return 'plugin' in found && 'time' in found && 'source' in found && 'text' in found && typeof found.text === 'string'
}
