/** One test; `node --test` runs all there are. */
export declare function test(title: string, run: () => Promise<void> | void): void

/** As of `node:assert/strict`. */
export declare const assert: {
  ok(value: unknown, message?: string): void
  equal(actual: unknown, expected: unknown, message?: string): void
  deepEqual(actual: unknown, expected: unknown, message?: string): void
  match(text: string, pattern: RegExp, message?: string): void
  rejects(promise: Promise<unknown>, expected?: RegExp | object, message?: string): Promise<void>
}
