import { delimiter, dirname } from 'node:path'

/** The environment of a codegen with embedded defaults, whatever the shell is set to, that asks the model at `modelUrl`. */
export function toEnvironment(home: string, modelUrl: string): NodeJS.ProcessEnv {
  const ours = /^(CODEGEN|MAESTRO|OPENAI|OTEL)_|^(DATABASE|REDIS)_URL$|^(XDG_RUNTIME_DIR|TRACEPARENT)$/
  const kept = Object.entries(process.env).filter(([name]) => !ours.test(name))
  return {
    ...Object.fromEntries(kept),
    // What the tools run by the name of `node` is the Node that runs us.
    PATH: [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
    // What is made for a while goes when the scratch folder goes.
    TMPDIR: dirname(home),
    NO_PROXY: '127.0.0.1',
    CODEGEN_HOME: home,
    CODEGEN_MODEL: 'scripted',
    OPENAI_API_KEY: 'sk-scripted',
    OPENAI_BASE_URL: modelUrl,
  }
}
