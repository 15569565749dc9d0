import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { listUsersOf } from '#demo/processes'
import { createScratchProject } from '#demo/scratch-project'

test('the demo changes a real project through the whole system and leaves nothing behind', async (t) => {
  // A Unix socket's path must be short, and tap's own folders are not.
  const scratch = await mkdtemp(join(tmpdir(), 'demo-'))
  t.teardown(() => rm(scratch, { recursive: true }))
  const parameters = ['--conditions=codegen-source', join(import.meta.dirname, 'demo.ts')]
  const demo = spawn(process.execPath, parameters, {
    env: { ...process.env, TMPDIR: scratch },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [demo.stdout, demo.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [code] = await once(demo, 'close')

  t.equal(code, 0, output)
  t.match(output, /codegen --auto "add a \/health endpoint"/)
  t.match(output, /The new test fails, and it is right/)
  t.match(output, /^\+ {2}\{ method: 'GET', path: .*health.*getHealth \},$/m)
  t.match(output, /pass 4\b/)
  t.match(output, /With a real model:/)
  const home = /project {2}(?<scratch>\S+)\/notes-service/.exec(output)?.groups?.['scratch'] ?? ''
  t.strictSame(await listUsersOf(join(home, 'home')), [])
  t.strictSame(await readdir(scratch), [])
})

test('the scratch project is a clean repository with a history, whatever git is set to', async (t) => {
  const project = await createScratchProject()
  t.teardown(() => project.remove())
  t.equal(await project.git('status', '--short'), '')
  t.strictSame((await project.git('log', '--format=%s')).trim().split('\n'), [
    'Serve the notes as JSON',
    'Keep notes in memory',
  ])
  t.strictSame(await readdir(project.home), [])
})
