import { Edit, WriteFile } from '@codegen/protocol/built-in'

/** The files a successful call of a built-in has changed, as it named them. */
export function toChangedPaths(toolName: string, parameters: Readonly<Record<string, unknown>>): readonly string[] {
  if (toolName === Edit.name || toolName === WriteFile.name) {
    const { file_path } = parameters
    return typeof file_path === 'string' ? [file_path] : []
  }
  // What a patch touches stands in the lines that begin its sections.
  const { patch } = parameters
  if (typeof patch !== 'string') return []
  return [...patch.matchAll(/^\*\*\* (?:Add File|Update File|Delete File|Move to): (.+)$/gm)].flatMap(
    ([, path]) => path?.trim() ?? [],
  )
}
