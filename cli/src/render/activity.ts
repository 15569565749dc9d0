import { limits } from '#limits'
import { columnsOf, cutToColumns } from './columns.ts'
import { toSeconds } from './numbers.ts'
import { stripControls } from './strip-controls.ts'
import type { Terminal } from './terminal.ts'
import { toOneLine } from './visible.ts'

/** What a run does while nothing is printed. */
export type Doing = {
  label: string
  /** By the clock that is handed in. */
  since: number
  /** The end of what it has said, as it came. */
  said: string
}

export type Clock = {
  /** Milliseconds. */
  now(): number
  /** Acts again and again until the returned function is called; keeps no process alive. */
  every(milliseconds: number, act: () => void): () => void
}

/** The status line of what takes long: a spinner, what runs, for how long, and its last line of output. */
export type Activity = {
  /** What is done has changed. */
  changed(): void
  /** Nothing is shown any more and no timer runs. */
  stop(): void
}

/**
 * Looks at `doing` no more than once in limits.statusEveryMs, so that output of any size costs no more than that; a wait shorter than
 * limits.statusAfterMs is never shown, and without one there is no timer.
 */
export function createActivity(terminal: Terminal, clock: Clock, doing: () => Doing | undefined): Activity {
  let stopTimer: (() => void) | undefined
  let frame = 0

  function draw(): void {
    const now = doing()
    const isShown = now && clock.now() - now.since >= limits.statusAfterMs
    terminal.status(isShown ? renderDoing(now, { frame, now: clock.now(), columns: terminal.columns }) : '')
  }

  function tick(): void {
    frame += 1
    draw()
    terminal.flush()
  }

  function stop(): void {
    stopTimer?.()
    stopTimer = undefined
    terminal.status('')
  }

  return {
    stop,
    changed() {
      if (!terminal.hasStatus()) return
      const now = doing()
      if (!now) return stop()
      stopTimer ??= clock.every(limits.statusEveryMs, tick)
      draw()
    },
  }
}

/** The end of a stream of output, long enough for the last line of it. */
export function keepTail(tail: string, piece: string): string {
  const { tailCharactersMax } = limits
  return piece.length < tailCharactersMax ? (tail + piece).slice(-tailCharactersMax) : piece.slice(-tailCharactersMax)
}

export const systemClock: Clock = {
  now: () => performance.now(),
  every(milliseconds, act) {
    const timer = setInterval(act, milliseconds)
    timer.unref()
    return () => clearInterval(timer)
  },
}

const frames = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'

function renderDoing({ label, since, said }: Doing, at: { frame: number; now: number; columns: number }): string {
  const time = toSeconds(at.now - since)
  const line = lastLineOf(said)
  const room = at.columns - columnsOf(time) - 5
  const head = cutToColumns(label, line ? Math.floor(room * 0.6) : room)
  return `${frames.charAt(at.frame % frames.length)} ${head}  ${time}${line ? `  ${line}` : ''}`
}

/** A program that draws its progress over and over ends its lines with a carriage return. */
function lastLineOf(said: string): string {
  const lines = said.split(/[\r\n]+/).toReversed()
  return toOneLine(lines.map(stripControls).find((line) => line.trim() !== '') ?? '', limits.tailCharactersMax)
}
