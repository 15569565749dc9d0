import type { Colours } from '#render/colours'
import type { Draft } from './draft.ts'
import { drawDraft } from './draw-draft.ts'
import type { Editor } from './editor.ts'
import type { Keys } from './keys.ts'

/** The screen a draft is drawn on. */
export type Screen = {
  write(text: string): void
  readonly columns: number
  readonly rows: number
  onResize(listener: () => void): void
}

/** Where a person writes while nothing else happens. */
export type PromptLine = {
  /** What is entered next; undefined when the person leaves. */
  read(): Promise<string | undefined>
  /** Shows it again after something else was on the screen; nothing while nobody reads. */
  redraw(): void
}

export type PromptLineOptions = {
  screen: Screen
  colours: Colours
  keys: Keys
  editor: Editor
  /** Stops the whole program until its user goes on with it. */
  suspend(): void
}

export const promptMark = '> '

export function createPromptLine(options: PromptLineOptions): PromptLine {
  const { screen, keys, editor, suspend } = options
  const drawing = createDrawing(options)
  let isReading = false

  function interrupt(): void {
    if (editor.draft.cells.length === 0) return drawing.tell('Ctrl-D or /exit leaves.')
    drawing.leave()
    editor.clear()
    drawing.draw()
  }

  function read(end: (text: string | undefined) => void): void {
    keys.read((key) => {
      const pressed = editor.press(key)
      switch (pressed.kind) {
        case 'entered':
          return pressed.text.trim() === '' ? drawing.draw() : end(pressed.text)
        case 'end':
          return end(undefined)
        case 'interrupt':
          return interrupt()
        case 'listed':
          return drawing.tell(pressed.words.join('  '))
        case 'redraw':
          return drawing.clear()
        case 'suspend':
          return suspend()
        case 'changed':
          return drawing.draw()
      }
    })
  }

  screen.onResize(() => {
    if (isReading) drawing.draw()
  })
  return {
    redraw() {
      drawing.forget()
      if (isReading) drawing.draw()
    },
    read: () =>
      new Promise((resolve) => {
        isReading = true
        drawing.draw()
        read((text) => {
          isReading = false
          keys.hold()
          drawing.leave()
          resolve(text)
        })
      }),
  }
}

type Drawing = {
  draw(): void
  /** Leaves what is on the screen where it is, and goes below it. */
  leave(): void
  /** Puts a line between what is there and the draft. */
  tell(sentence: string): void
  clear(): void
  /** Something else has been on the screen. */
  forget(): void
}

function createDrawing({ screen, colours, editor }: PromptLineOptions): Drawing {
  /** What is on the screen now. */
  let shown: Draft | undefined

  function draw(next = editor.draft): void {
    const room = { prompt: promptMark, columns: screen.columns, rowsMax: Math.max(1, screen.rows - 1) }
    // Also after the screen has become narrower this is where the cursor is.
    const before = shown ? drawDraft(shown, room).cursor.row : 0
    const { rows, cursor } = drawDraft(next, room)
    const lines = rows.map((row) => (row.startsWith(promptMark) ? colours.bold(promptMark) + row.slice(2) : row))
    const top = `${up(before)}\r\x1b[J`
    screen.write(`${top}${lines.join('\n')}${up(rows.length - 1 - cursor.row)}\r\x1b[${cursor.column}C`)
    shown = next
  }

  function leave(): void {
    if (shown) draw({ ...shown, cursor: shown.cells.length })
    screen.write('\n')
    shown = undefined
  }

  return {
    draw: () => draw(),
    leave,
    tell(sentence) {
      leave()
      screen.write(`${colours.dim(sentence)}\n`)
      draw()
    },
    clear() {
      screen.write('\x1b[H\x1b[2J')
      shown = undefined
      draw()
    },
    forget() {
      shown = undefined
    },
  }
}

function up(rows: number): string {
  return rows > 0 ? `\x1b[${rows}A` : ''
}
