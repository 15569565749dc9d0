/** A key for one request to start or to say something. Only has to differ from every other one, so no cryptography is loaded for it. */
export function newClientRef(): string {
  const random = (): string => Math.random().toString(36).slice(2)
  return `cli-${Date.now().toString(36)}-${process.pid}-${random()}${random()}`
}
