/** What a list shows of a prompt: its beginning, on one line, and nothing Postgres cannot hold. */
export function toListedPrompt(prompt: string): string {
  return prompt
    .slice(0, 500)
    .replaceAll(/\p{Cc}+/gu, ' ')
    .toWellFormed()
}
