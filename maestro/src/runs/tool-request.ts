/** A tool call as the model wrote it; nothing of it was checked. */
export type ToolRequest = { readonly id: string; readonly name: string; readonly arguments: string }
