/** A tool as a request offers it. */
export type PeerTool = {
  readonly name: string
  readonly namespace?: string
  readonly parameters: Record<string, unknown>
}

/** The names agents give the tool that runs a command. */
const shellNames = ['exec_command', 'shell_command', 'shell', 'bash', 'local_shell']

/** The tool of a request that runs a command; undefined when it offers none. */
export function findShell(body: unknown): PeerTool | undefined {
  const tools = toTools(toRecord(body)['tools'])
  return shellNames
    .map((wanted) => tools.find(({ name }) => name.toLowerCase() === wanted))
    .find((tool) => tool !== undefined)
}

function toTools(list: unknown, namespace?: string): PeerTool[] {
  if (!Array.isArray(list)) return []
  return list.flatMap((entry: unknown) => {
    const tool = toRecord(entry)
    if (tool['type'] === 'namespace') return toTools(tool['tools'], String(tool['name']))
    const { name, parameters } = { ...tool, ...toRecord(tool['function']) }
    if (typeof name !== 'string') return []
    return [{ name, parameters: toRecord(parameters), ...(namespace === undefined ? {} : { namespace }) }]
  })
}

/** The arguments that make the tool run a command: the least its schema asks for, and the command where it goes. */
export function toShellArguments(tool: PeerTool, command: string): Record<string, unknown> {
  const properties = toRecord(tool.parameters['properties'])
  const required = Array.isArray(tool.parameters['required']) ? tool.parameters['required'] : []
  const least = Object.fromEntries(required.map((name: unknown) => [String(name), leastOf(properties[String(name)])]))
  const place = 'cmd' in properties ? 'cmd' : 'command'
  const isList = toRecord(properties[place])['type'] === 'array'
  return { ...least, [place]: isList ? ['bash', '-c', command] : command }
}

function leastOf(schema: unknown): unknown {
  switch (toRecord(schema)['type']) {
    case 'number':
    case 'integer':
      return 1_000
    case 'boolean':
      return false
    case 'array':
      return []
    case 'object':
      return {}
    default:
      return 'x'
  }
}

function toRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}
