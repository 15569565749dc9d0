import { open, readdir } from 'node:fs/promises'
import { constants } from 'node:fs'
import { join } from 'node:path'
import { limits } from '@codegen/protocol/limits'
import type { ProjectSpec } from '@codegen/protocol/wire'

/** Where projects keep what an agent should know, the first that is there counts. */
const specFiles = ['AGENTS.md', 'CLAUDE.md', '.cursorrules']

/** What a project tells about itself: its instructions as far as they fit, and its top-level paths, folders ending in `/`. Never fails. */
export async function readProjectSpec(root: string): Promise<ProjectSpec> {
  const [content, file_paths] = await Promise.all([readInstructions(root), listTopLevel(root)])
  return { content, file_paths }
}

async function readInstructions(root: string): Promise<string> {
  for (const name of specFiles) {
    const text = await readBeginning(join(root, name))
    if (text !== undefined) return text
  }
  return ''
}

/** The beginning of a regular file; nothing is waited for that is not one. */
async function readBeginning(path: string): Promise<string | undefined> {
  try {
    await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
    if (!(await handle.stat()).isFile()) return undefined
    // A character takes four bytes at most.
    const buffer = Buffer.alloc(limits.projectSpecCharactersMax * 4)
    const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, 0)
    const text = buffer.toString('utf8', 0, bytesRead)
    return text.slice(0, limits.projectSpecCharactersMax).toWellFormed()
  } catch {
    // Absent or unreadable: the project has no such file to tell of.
    return undefined
  }
}

async function listTopLevel(root: string): Promise<string[]> {
  try {
    const entries = await readdir(root, { withFileTypes: true })
    return entries
      .filter((entry) => entry.name !== '.git')
      .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
      .toSorted()
      .slice(0, limits.projectSpecPathsMax)
  } catch {
    // The run will say so itself when it reads the folder.
    return []
  }
}
