import { limits } from '#limits'

type Progress = {
  readonly progress: number
  readonly total?: number | undefined
  readonly message?: string | undefined
}

/** A line of what a server says of how far it is. */
export function toProgressText({ progress, total, message }: Progress): string {
  const counted = total === undefined ? String(progress) : `${progress}/${total}`
  return `${(message ?? counted).slice(0, limits.pluginNewsCharactersMax)}\n`
}

type LogMessage = { readonly level: string; readonly data: unknown; readonly logger?: string | undefined }

/** A line of what a server logs. */
export function toLogText({ level, data, logger }: LogMessage): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data)
  return `${level}${logger === undefined ? '' : ` ${logger}`}: ${text.slice(0, limits.pluginNewsCharactersMax)}\n`
}
