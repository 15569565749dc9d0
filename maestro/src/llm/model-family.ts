/** What is known of a family of models without asking anybody. */
export type ModelFamily = {
  /** How a model's name begins, without the names of those who offer it before the last slash. */
  readonly prefix: string
  /** Tokens a request may have; where a provider bounds requests below its context, that bound. */
  readonly contextTokens: number
  /** Whether the Responses API gives its thoughts back encrypted; asked for others, OpenAI refuses the request. */
  readonly hasEncryptedReasoning?: true
  /** Whether it wants its `reasoning_content` back between its calls. */
  readonly returnsReasoning?: true
}

/** The one place for what providers document (2026-11); the first prefix that fits counts. Whoever knows better sets CODEGEN_MODEL_CONTEXT. */
const families: readonly ModelFamily[] = [
  { prefix: 'gpt-5-chat', contextTokens: 128_000 },
  { prefix: 'gpt-5', contextTokens: 272_000, hasEncryptedReasoning: true },
  { prefix: 'gpt-oss', contextTokens: 131_072, hasEncryptedReasoning: true },
  { prefix: 'gpt-4.1', contextTokens: 1_047_576 },
  { prefix: 'gpt-4o', contextTokens: 128_000 },
  { prefix: 'chatgpt-4o', contextTokens: 128_000 },
  { prefix: 'gpt-4-turbo', contextTokens: 128_000 },
  { prefix: 'gpt-4', contextTokens: 8_192 },
  { prefix: 'gpt-3.5', contextTokens: 16_385 },
  { prefix: 'o1-mini', contextTokens: 128_000 },
  { prefix: 'o1', contextTokens: 200_000, hasEncryptedReasoning: true },
  { prefix: 'o3', contextTokens: 200_000, hasEncryptedReasoning: true },
  { prefix: 'o4', contextTokens: 200_000, hasEncryptedReasoning: true },
  { prefix: 'codex', contextTokens: 200_000, hasEncryptedReasoning: true },
  { prefix: 'claude', contextTokens: 200_000 },
  { prefix: 'gemini', contextTokens: 1_048_576 },
  { prefix: 'grok-4', contextTokens: 256_000 },
  { prefix: 'grok', contextTokens: 131_072 },
  { prefix: 'deepseek', contextTokens: 128_000, returnsReasoning: true },
  { prefix: 'qwen3-coder', contextTokens: 262_144 },
  { prefix: 'qwen', contextTokens: 32_768 },
  { prefix: 'kimi', contextTokens: 131_072, returnsReasoning: true },
  { prefix: 'glm', contextTokens: 128_000, returnsReasoning: true },
  { prefix: 'minimax-m2', contextTokens: 196_608 },
  { prefix: 'llama-3', contextTokens: 131_072 },
  { prefix: 'llama-4', contextTokens: 131_072 },
  { prefix: 'mistral', contextTokens: 128_000 },
  { prefix: 'devstral', contextTokens: 128_000 },
  { prefix: 'codestral', contextTokens: 128_000 },
]

/** The family of a model by its name, whoever offers it: `openai/gpt-5.5` is a `gpt-5`. */
export function familyOf(model: string): ModelFamily | undefined {
  const name = model.slice(model.lastIndexOf('/') + 1).toLowerCase()
  return families.find((family) => name.startsWith(family.prefix))
}
