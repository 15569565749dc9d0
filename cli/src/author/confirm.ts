import { Failure } from '@codegen/protocol/failure'
import { findKeyboard } from '#approvals/keyboard'
import { limits } from '#limits'
import type { Terminal } from '#render/terminal'

/** Puts a question to the person at the terminal, one key. Undefined where nobody can be asked. Fails with client.cancelled on Ctrl-C. */
export async function confirm(terminal: Terminal, question: string): Promise<boolean | undefined> {
  const keyboard = findKeyboard()
  if (!keyboard) return undefined
  terminal.flush()
  terminal.hold()
  keyboard.open()
  try {
    await new Promise((resolve) => setTimeout(resolve, limits.typedAheadMs))
    terminal.ask(`${terminal.questionScreen().colours.yellow('?')} ${question}  y yes   n no  `)
    const isYes = await new Promise<boolean>((resolve, reject) => {
      keyboard.listen((key) => {
        if (/^[yYnN]$/.test(key)) resolve(/[yY]/.test(key))
        // With keys read one by one the terminal makes no signal of it.
        else if (key === '\x03') reject(new Failure('client.cancelled', 'nothing was changed'))
      })
    })
    terminal.ask(isYes ? 'yes\n' : 'no\n')
    return isYes
  } catch (error) {
    terminal.ask('\n')
    throw error
  } finally {
    keyboard.close()
    terminal.release()
  }
}
