import { definePlugin, defineTool } from './kit/define-tool.ts'

export const openTasks = defineTool(
  {
    name: 'MyPluginTasks',
    description: 'Lists the lines of this project that are marked TODO or FIXME, each with its file and number.',
    annotations: { readOnly: true },
    parameters: {
      type: 'object',
      properties: { folder: { type: 'string', description: 'Where to look. Left out: the whole working directory.' } },
      additionalProperties: false,
    },
  },
  async ({ folder = '.' }: { folder?: string }, context) => {
    const wanted = { path: folder, regex: '\\b(TODO|FIXME)\\b', context: 0, linesMax: 200 }
    const { files, matches } = await context.search.lines(wanted)
    context.output(`marked lines: ${matches}, files: ${files.length}\n`)
    const found = files.flatMap(({ path, lines }) =>
      lines.map(({ number, text }) => `${path}:${number}: ${text.trim()}`),
    )
    return found.length > 0 ? found.join('\n') : 'Nothing here is marked TODO or FIXME.'
  },
)

export default definePlugin([openTasks])
