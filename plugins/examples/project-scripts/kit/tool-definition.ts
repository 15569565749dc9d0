/**
 * A tool as a model is told of it: the protocol's words, written without its schemas. `plugins new` gives an author these files as they are, and there is nothing but
 * them in a plugin's folder.
 */
export type ToolDefinition = {
  /** Begins with a letter, then letters, digits, `_` and `-`; the name of no other tool. */
  name: string
  /** For the model: what it does, and when to call it. */
  description: string
  /** JSON Schema of an object, without `$ref`. */
  parameters: Record<string, unknown>
  annotations?: ToolAnnotations
  /** How long a call may take. */
  timeout_ms?: number
}

/** What a tool says about itself. Hints for policy and display: codegend alone decides what may run. */
export type ToolAnnotations = { readOnly?: boolean; destructive?: boolean; idempotent?: boolean; openWorld?: boolean }

/** How a call ended. */
export type ToolStatus = 'success' | 'error' | 'cancelled' | 'denied' | 'timeout' | 'interrupted'
