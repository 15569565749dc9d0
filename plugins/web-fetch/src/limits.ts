/** The bounds of this tool: milliseconds, bytes, characters. */
export const limits = {
  fetchMsMax: 30_000,
  /** After decompression. */
  pageBytesMax: 10 * 1024 * 1024,
  redirectsMax: 5,
  /** What of a page the model is shown. */
  charactersMax: 40_000,
  /** Where a page may name its encoding. */
  charsetBytesMax: 1_024,
} as const
