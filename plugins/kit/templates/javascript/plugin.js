/** @type {import('./kit/define-tool.ts').Tool} */
export const openTasks = {
  name: 'MyPluginTasks',
  description: 'Lists the lines of this project that are marked TODO or FIXME, each with its file and number.',
  annotations: { readOnly: true },
  parameters: {
    type: 'object',
    properties: { folder: { type: 'string', description: 'Where to look. Left out: the whole working directory.' } },
    additionalProperties: false,
  },
  async run({ folder = '.' }, context) {
    const wanted = { path: String(folder), regex: '\\b(TODO|FIXME)\\b', context: 0, linesMax: 200 }
    const { files, matches } = await context.search.lines(wanted)
    context.output(`marked lines: ${matches}, files: ${files.length}\n`)
    const found = files.flatMap(({ path, lines }) =>
      lines.map(({ number, text }) => `${path}:${number}: ${text.trim()}`),
    )
    return found.length > 0 ? found.join('\n') : 'Nothing here is marked TODO or FIXME.'
  },
}

/** @type {import('./kit/define-tool.ts').Plugin} */
export default { tools: [openTasks] }
