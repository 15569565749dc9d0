import type { ApprovalQuestion, LogLine, Notifications, PluginDevNews, PluginLogLine } from '@codegen/protocol/local'
import type { RunEvent, RunFinished } from '@codegen/protocol/wire'

/** Whether codegend's words are an event; what is inside its payload is looked at where it is shown. */
export function isRunEvent(news: unknown): news is RunEvent {
  return (
    isObject(news) &&
    typeof news['generation_id'] === 'string' &&
    typeof news['event_id'] === 'string' &&
    isObject(news['event']) &&
    typeof news['event']['type'] === 'string' &&
    isObject(news['event']['payload'])
  )
}

/** Whether they are the end of a run. */
export function isRunFinished(news: unknown): news is RunFinished {
  if (!isObject(news) || typeof news['status'] !== 'string') return false
  const { error, usage } = news
  if (error !== undefined && !(isObject(error) && typeof error['message'] === 'string')) return false
  return usage === undefined || (isObject(usage) && usageFields.every((field) => typeof usage[field] === 'number'))
}

/** Whether they are a question that can be put. */
export function isQuestion(news: unknown): news is ApprovalQuestion {
  if (!isObject(news) || !isObject(news['preview']) || !Array.isArray(news['options'])) return false
  const preview = Object.values(news['preview'])
  return (
    questionFields.every((field) => typeof news[field] === 'string') &&
    preview.every((part) => typeof part === 'string') &&
    news['options'].every((option) => isObject(option) && typeof option['id'] === 'string')
  )
}

/** Whether they are the end of a question. */
export function isResolution(news: unknown): news is Notifications['approval/resolved'] {
  return isObject(news) && resolutionFields.every((field) => typeof news[field] === 'string')
}

/** Whether they are a piece of a tool's output. */
export function isToolOutput(news: unknown): news is Notifications['tools/output'] {
  return isObject(news) && typeof news['chunk'] === 'string' && typeof news['stream'] === 'string'
}

/** Whether they are a line of the log. */
export function isLogLine(news: unknown): news is LogLine {
  return isObject(news) && logLineFields.every((field) => typeof news[field] === 'string') && isObject(news['fields'])
}

/** Whether they are a line of what a plugin said. */
export function isPluginLogLine(news: unknown): news is PluginLogLine {
  return isObject(news) && pluginLogFields.every((field) => typeof news[field] === 'string')
}

/** Whether they are news of a plugin under development. */
export function isDevNews(news: unknown): news is PluginDevNews {
  if (!isObject(news)) return false
  if (news['kind'] === 'version') return isObject(news['plugin']) && typeof news['plugin']['state'] === 'string'
  const fields = typeof news['kind'] === 'string' ? devNewsFields[news['kind']] : undefined
  return fields !== undefined && fields.every((field) => typeof news[field] === 'string')
}

const devNewsFields: Readonly<Record<string, readonly string[]>> = {
  call: ['tool_id', 'tool', 'parameters'],
  output: ['tool_id', 'stream', 'chunk'],
  result: ['tool_id', 'tool', 'status', 'text'],
}
const pluginLogFields = ['plugin', 'time', 'source', 'text']
const logLineFields = ['time', 'level', 'source', 'message']
const usageFields = ['turns', 'input_tokens', 'output_tokens', 'cached_tokens']
const resolutionFields = ['tool_id', 'outcome', 'by']
const questionFields = ['tool_id', 'generation_id', 'tool_name', 'title']

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
