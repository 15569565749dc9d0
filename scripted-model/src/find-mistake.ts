import { toPattern } from './pattern.ts'
import type { Call, Conversation, Expectation, Fault, Scenario, Step } from './scenario.ts'

/** What is wrong with a scenario, and where. */
export type Mistake = { readonly path: string; readonly problem: string }

/** Finds what the schema cannot say: keys that exclude each other, names given twice, patterns that are none. */
export function findMistake(scenario: Scenario): Mistake | undefined {
  const { steps, conversations } = scenario
  if (!steps === !conversations) return { path: 'the file', problem: 'give exactly one of steps and conversations' }
  if (steps) return findInList('steps', steps, stepMistake)
  return findInList('conversations', conversations ?? [], conversationMistake) ?? repeatedName(conversations ?? [])
}

type Finder<Item> = (item: Item, path: string) => Mistake | undefined

function findInList<Item>(path: string, items: readonly Item[], find: Finder<Item>): Mistake | undefined {
  for (const [index, item] of items.entries()) {
    const mistake = find(item, `${path}[${String(index + 1)}]`)
    if (mistake) return mistake
  }
  return undefined
}

function conversationMistake(conversation: Conversation, path: string): Mistake | undefined {
  const { when, steps } = conversation
  return patternMistake(when, `${path}.when`) ?? findInList(`${path}.steps`, steps, stepMistake)
}

function repeatedName(conversations: readonly Conversation[]): Mistake | undefined {
  const names = conversations.map(({ name }) => name)
  const repeated = names.find((name, index) => names.indexOf(name) !== index)
  if (repeated !== undefined) return { path: 'conversations', problem: `two are named "${repeated}"` }
  const general = conversations.filter(({ when }) => when === undefined)
  return general.length > 1 ? { path: 'conversations', problem: 'more than one has no when' } : undefined
}

function stepMistake(step: Step, path: string): Mistake | undefined {
  const { text, reasoning, calls, repeat, expect, faults } = step
  if (text === undefined && reasoning === undefined && !calls?.length && !faults?.length) {
    return { path, problem: 'give a text, reasoning, calls or faults' }
  }
  if (repeat !== undefined && text === undefined)
    return { path: `${path}.repeat`, problem: 'there is no text to repeat' }
  return (
    findInList(`${path}.calls`, calls ?? [], callMistake) ??
    findInList(`${path}.expect`, expect ?? [], expectationMistake) ??
    findInList(`${path}.faults`, faults ?? [], faultMistake)
  )
}

function callMistake(call: Call, path: string): Mistake | undefined {
  if ('arguments' in call !== 'raw' in call) return undefined
  return { path, problem: 'give exactly one of arguments and raw' }
}

function expectationMistake(expectation: Expectation, path: string): Mistake | undefined {
  const { contains, lacks, matches, results } = expectation
  if ([contains, lacks, matches, results].every((condition) => condition === undefined)) {
    return { path, problem: 'give contains, lacks, matches or results' }
  }
  return patternMistake(matches, `${path}.matches`)
}

function faultMistake(fault: Fault, path: string): Mistake | undefined {
  const kinds = [fault.status, fault.drop, fault.cut, fault.end, fault.error, fault.garbage, fault.stall]
  if (kinds.filter((kind) => kind !== undefined).length !== 1) {
    return { path, problem: 'give exactly one of status, drop, cut, end, error, garbage and stall' }
  }
  if (fault.retry_after !== undefined && fault.status === undefined) {
    return { path: `${path}.retry_after`, problem: 'it needs a status' }
  }
  return undefined
}

function patternMistake(source: string | undefined, path: string): Mistake | undefined {
  if (source === undefined) return undefined
  try {
    toPattern(source)
    return undefined
  } catch (error) {
    return { path, problem: error instanceof Error ? error.message : String(error) }
  }
}
