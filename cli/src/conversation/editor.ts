import { canMove, emptyDraft, erase, insertPaste, insertText, move, putBack, toDraft, toText } from './draft.ts'
import type { Draft } from './draft.ts'
import type { Key } from './decode-keys.ts'
import { createRecall } from './recall.ts'

/** What a key led to beyond a change of the draft. */
export type Pressed =
  | { readonly kind: 'changed' | 'interrupt' | 'end' | 'suspend' | 'redraw' }
  | { readonly kind: 'entered'; readonly text: string }
  | { readonly kind: 'listed'; readonly words: readonly string[] }

/** Writes one message after the other. It outlives them: what was begun while a run works is gone on with at the prompt. */
export type Editor = {
  readonly draft: Draft
  press(key: Key): Pressed
  clear(): void
}

export type EditorOptions = {
  /** What was entered before, oldest first; it grows. */
  entries: readonly string[]
  complete(text: string): { readonly found: readonly string[]; readonly text: string }
}

type Edit = (draft: Draft) => Draft

const edits: Readonly<Record<string, Edit>> = {
  left: (draft) => move(draft, 'left'),
  'ctrl-b': (draft) => move(draft, 'left'),
  right: (draft) => move(draft, 'right'),
  'ctrl-f': (draft) => move(draft, 'right'),
  'ctrl-left': (draft) => move(draft, 'word-left'),
  'meta-left': (draft) => move(draft, 'word-left'),
  'meta-b': (draft) => move(draft, 'word-left'),
  'ctrl-right': (draft) => move(draft, 'word-right'),
  'meta-right': (draft) => move(draft, 'word-right'),
  'meta-f': (draft) => move(draft, 'word-right'),
  home: (draft) => move(draft, 'line-start'),
  'ctrl-a': (draft) => move(draft, 'line-start'),
  end: (draft) => move(draft, 'line-end'),
  'ctrl-e': (draft) => move(draft, 'line-end'),
  backspace: (draft) => erase(draft, 'left'),
  'ctrl-h': (draft) => erase(draft, 'left'),
  delete: (draft) => erase(draft, 'right'),
  'ctrl-w': (draft) => erase(draft, 'word-left'),
  'meta-backspace': (draft) => erase(draft, 'word-left'),
  'meta-d': (draft) => erase(draft, 'word-right'),
  'ctrl-u': (draft) => erase(draft, 'line-start'),
  'ctrl-k': (draft) => erase(draft, 'line-end'),
  'ctrl-y': putBack,
  // Ctrl-J and Alt-Enter: what every terminal can send.
  enter: (draft) => insertText(draft, '\n'),
  'meta-enter': (draft) => insertText(draft, '\n'),
  'meta-return': (draft) => insertText(draft, '\n'),
}

export function createEditor({ entries, complete }: EditorOptions): Editor {
  let draft = emptyDraft
  let recall = createRecall(entries)

  function clear(): void {
    draft = { ...emptyDraft, cut: draft.cut }
    recall = createRecall(entries)
  }

  function enter(): Pressed {
    const isContinued = draft.cursor === draft.cells.length && draft.cells.at(-1) === '\\'
    if (isContinued) return apply((now) => insertText(erase(now, 'left'), '\n'))
    const text = toText(draft)
    clear()
    return { kind: 'entered', text }
  }

  function goTo(text: string | undefined): Pressed {
    return text === undefined ? changed : apply(({ cut }) => toDraft(text, cut))
  }

  function tab(): Pressed {
    const text = toText(draft)
    const { found, text: completed } = complete(text)
    if (completed === text && found.length > 1) return { kind: 'listed', words: found }
    return completed === text ? changed : goTo(completed)
  }

  function apply(edit: Edit): Pressed {
    draft = edit(draft)
    return changed
  }

  const older = (): Pressed => goTo(recall.older(toText(draft)))
  const newer = (): Pressed => goTo(recall.newer())
  const actions: Readonly<Record<string, () => Pressed>> = {
    return: enter,
    tab,
    'ctrl-d': () => (draft.cells.length === 0 ? { kind: 'end' } : apply((now) => erase(now, 'right'))),
    up: () => (canMove(draft, 'line-up') ? apply((now) => move(now, 'line-up')) : older()),
    'ctrl-p': older,
    down: () => (canMove(draft, 'line-down') ? apply((now) => move(now, 'line-down')) : newer()),
    'ctrl-n': newer,
  }

  return {
    get draft() {
      return draft
    },
    press(key) {
      if (key.kind === 'paste') return apply((now) => insertPaste(now, key.text))
      const name = nameOf(key)
      const signal = Object.hasOwn(signals, name) ? signals[name] : undefined
      const action = Object.hasOwn(actions, name) ? actions[name] : undefined
      return signal ?? action?.() ?? apply(editOf(name, key))
    },
    clear,
  }
}

const changed: Pressed = { kind: 'changed' }
const signals: Readonly<Record<string, Pressed>> = {
  'ctrl-c': { kind: 'interrupt' },
  'ctrl-z': { kind: 'suspend' },
  'ctrl-l': { kind: 'redraw' },
}

type NamedKey = Extract<Key, { kind: 'key' }>

function nameOf({ ctrl, meta, name }: NamedKey): string {
  return `${ctrl ? 'ctrl-' : ''}${meta ? 'meta-' : ''}${name}`
}

function editOf(name: string, { ctrl, meta, text }: NamedKey): Edit {
  const edit = Object.hasOwn(edits, name) ? edits[name] : undefined
  if (edit) return edit
  return (draft) => (ctrl || meta || text.startsWith('\x1b') ? draft : insertText(draft, text))
}
