/** How a piece of output is meant; without colour it is the text alone. */
export type Paint = (text: string) => string

export type Colours = {
  dim: Paint
  bold: Paint
  italic: Paint
  underline: Paint
  red: Paint
  green: Paint
  yellow: Paint
  cyan: Paint
}

/** Leaves a text as it is. */
export const plain: Paint = (text) => text

export const noColours: Colours = {
  dim: plain,
  bold: plain,
  italic: plain,
  underline: plain,
  red: plain,
  green: plain,
  yellow: plain,
  cyan: plain,
}

export const colours: Colours = {
  dim: wrap(2, 22),
  bold: wrap(1, 22),
  italic: wrap(3, 23),
  underline: wrap(4, 24),
  red: wrap(31, 39),
  green: wrap(32, 39),
  yellow: wrap(33, 39),
  cyan: wrap(36, 39),
}

function wrap(start: number, end: number): Paint {
  return (text) => `\x1b[${start}m${text}\x1b[${end}m`
}
