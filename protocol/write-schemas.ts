/**
 * `npm run schemas` writes the published JSON Schemas below `schemas/v1/`, one file each, described by the docstrings of the sources. With `--check` it
 * writes nothing and fails where a file is not what it would write, or where something breaks peers of the last release.
 *
 * `released.json` holds all of them as they were last released, and only `npm run schemas -- --release` replaces it: at a release, and never with
 * something that breaks. What must break needs a new protocol version, so a new folder. A change that peers agree on first, by a feature they
 * both name, is entered in `released.json` by hand, where a reviewer sees it.
 */
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { breakingChanges } from '#breaking-changes'
import { publishedSchemas } from '#published-schemas'
import { protocolVersion } from '#wire'

const releasedFile = 'released.json'
const Released = Type.Record(Type.String(), Type.Unknown())

/** The files below the folder of this version, name -> text. */
function renderFiles(): Map<string, string> {
  const descriptions = readDescriptions()
  const files = [...publishedSchemas()].map(([file, schema]): [string, string] => {
    const { $id, title, description: own, ...rest } = schema
    const description = own ?? descriptions.get(`${dirname(file)}/${title}`) ?? descriptions.get(title)
    if (description === undefined) throw new Error(`No docstring says what ${file} is.`)
    const whole = { $schema: 'https://json-schema.org/draft/2020-12/schema', $id, title, description, ...rest }
    return [`${file}.json`, `${JSON.stringify(whole, null, 2)}\n`]
  })
  return new Map(files)
}

/** What the sources say of each message, method and tool, by its name; an event's name stands below `events/`. */
function readDescriptions(): Map<string, string> {
  const docstring = String.raw`\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(?:export )?const \w+ = `
  const definition = String.raw`(?:(?:message|method)\(\s*|\{\s*method: |builtInTool\(\{\s*name: )'([^']+)'`
  const sources = globSync('src/{wire,local,built-in}/*.ts', { cwd: import.meta.dirname })
  const found = sources.flatMap((file) => {
    const text = readFileSync(join(import.meta.dirname, file), 'utf8')
    const isEvents = file.endsWith('run-events.ts')
    return [...text.matchAll(new RegExp(docstring + definition, 'g'))].map(
      ([, words = '', name = '']): [string, string] => [isEvents ? `events/${name}` : name, toLine(words)],
    )
  })
  return new Map([...found, ['tool definition', 'A tool as it is announced: what a model needs in order to call it.']])
}

function toLine(docstring: string): string {
  return docstring
    .replaceAll(/\n\s*\*/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
}

function findProblems(folder: string, files: ReadonlyMap<string, string>): string[] {
  const present = listFiles(folder)
  return [
    ...[...files].filter(([file, text]) => read(folder, file) !== text).map(([file]) => `${file} is out of date`),
    ...present.filter((file) => !files.has(file)).map((file) => `${file} stands for nothing any more`),
    ...findBreaks(folder, files),
  ]
}

function findBreaks(folder: string, files: ReadonlyMap<string, string>): string[] {
  const released = read(folder, releasedFile)
  if (released === undefined) return [`${releasedFile} is missing: it holds what was last released`]
  return breakingChanges(Value.Parse(Released, JSON.parse(released)), toReleased(files))
}

function toReleased(files: ReadonlyMap<string, string>): Record<string, unknown> {
  return Object.fromEntries([...files].map(([file, text]) => [file.replace(/\.json$/, ''), JSON.parse(text)]))
}

function listFiles(folder: string): string[] {
  return globSync('**/*.json', { cwd: folder }).filter((file) => file !== releasedFile)
}

function read(folder: string, file: string): string | undefined {
  try {
    return readFileSync(join(folder, file), 'utf8')
  } catch {
    return undefined
  }
}

function write(folder: string, file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), text)
}

function main(): number {
  const { values } = parseArgs({
    options: { check: { type: 'boolean' }, release: { type: 'boolean' }, folder: { type: 'string' } },
  })
  const folder = values.folder ?? join(import.meta.dirname, `schemas/v${protocolVersion}`)
  const files = renderFiles()
  const breaks = read(folder, releasedFile) === undefined && !values.check ? [] : findBreaks(folder, files)
  if (!values.check) {
    for (const file of listFiles(folder)) if (!files.has(file)) rmSync(join(folder, file))
    for (const [file, text] of files) write(folder, file, text)
    if (values.release && breaks.length === 0) {
      write(folder, releasedFile, `${JSON.stringify(toReleased(files), null, 1)}\n`)
    }
  }
  const problems = values.check ? findProblems(folder, files) : breaks
  for (const problem of problems) process.stderr.write(`${problem}\n`)
  return problems.length > 0 ? 1 : 0
}

process.exitCode = main()
