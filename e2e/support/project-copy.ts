import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { Test } from 'tap'

const root = join(import.meta.dirname, '../..')
const leftOut = new Set(['.git', '.tap', 'dist', 'node_modules'])

export type ProjectCopy = {
  /** Writes a file below the copy, making folders as needed. */
  write(file: string, text: string): Promise<void>
  /** Runs a program of `node_modules/.bin` in the copy; a failing exit is an answer like any other. */
  run(program: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }>
}

/** Copies this repository's sources into a folder of its own until the test ends. Libraries are links to the installed ones, packages of ours are those of the copy. */
export async function copyProject(t: Test): Promise<ProjectCopy> {
  const folder = await mkdtemp(join(tmpdir(), 'codegen-copy-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await cp(root, folder, {
    recursive: true,
    filter: (source) => !leftOut.has(basename(source)) && !source.endsWith('.tsbuildinfo'),
  })
  for (const modules of ['node_modules', 'daemon/node_modules', 'maestro/node_modules', 'cli/node_modules']) {
    await linkModules(join(root, modules), join(folder, modules))
  }

  return {
    async write(file, text) {
      const path = join(folder, file)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, text)
    },
    run: (program, ...args) => runProgram(join(root, 'node_modules/.bin', program), args, folder),
  }
}

async function linkModules(from: string, to: string): Promise<void> {
  const names = await readdir(from).catch(() => [])
  await mkdir(join(to, '@codegen'), { recursive: true })
  await Promise.all(
    names.filter((name) => name !== '@codegen').map((name) => symlink(join(from, name), join(to, name))),
  )
  // The links to our packages are relative, so copied as they are they lead to the copy.
  await cp(join(from, '@codegen'), join(to, '@codegen'), { recursive: true, verbatimSymlinks: true }).catch(() => {})
}

function runProgram(path: string, args: string[], cwd: string) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve, reject) => {
    execFile(path, args, { cwd, timeout: 60_000, maxBuffer: 32 << 20 }, (error, stdout, stderr) => {
      const code = error ? error.code : 0
      if (typeof code === 'number') resolve({ code, stdout, stderr })
      else reject(error ?? new Error(`${path} did not end`))
    })
  })
}
