import type { Colours } from './colours.ts'

/** What something is rendered for: a Terminal, or anything that knows as much of one. `columns` is 0 where there is no width to keep to. */
export type Screen = { readonly colours: Colours; readonly columns: number }
