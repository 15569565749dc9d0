import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { test } from 'tap'
import { createByteRing } from '#hands/byte-ring'
import { createKeptOutput } from '#hands/kept-output'
import { takeOutputSoFar } from '#hands/output-so-far'
import { limits } from '#limits'
import { createWorkshop } from './test-spawn.ts'

test('long output is shown as head and tail on whole lines, and kept whole in a file only its owner reads', async (t) => {
  const { run, outputDir } = createWorkshop(t, { toolId: '../../evil/id' })
  const result = await run('seq 1 20000', { charactersMax: 3_000 })
  const whole = Array.from({ length: 20_000 }, (_, i) => `${i + 1}\n`).join('')
  t.equal(result.bytesTotal, whole.length)
  t.ok(whole.startsWith(result.head) && result.head.endsWith('\n') && result.head.length > 1_000)
  t.ok(whole.endsWith(`\n${result.tail}`) && result.tail.length > 1_000)
  t.equal(result.head.length + result.bytesCut + result.tail.length, whole.length)
  const path = result.outputPath ?? ''
  t.equal(readFileSync(path, 'utf8'), whole)
  t.equal(result.outputPathBytes, whole.length)
  t.equal(dirname(path), outputDir)
  t.notMatch(basename(path), /\.\./)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(statSync(outputDir).mode & 0o777, 0o700)
})

test('output that fits is shown whole and makes no file', async (t) => {
  const { run } = createWorkshop(t)
  const result = await run('seq 1 500', { charactersMax: 1_892 })
  t.match(result, { bytesTotal: 1_892, bytesCut: 0, tail: '', outputPath: undefined })
  t.equal(result.head.length, 1_892)
})

test('what a command that takes long has printed is on disk while it runs, for its owner alone, and gone afterwards (DM-01)', async (t) => {
  const { run, root, outputDir } = createWorkshop(t)
  const result = run('echo early; while ! test -e go; do sleep 0.01; done; echo late', { timeoutMs: 60_000 })
  const files = (): string[] => (existsSync(outputDir) ? readdirSync(outputDir) : [])
  const text = (): string =>
    files()
      .map((name) => readFileSync(join(outputDir, name), 'utf8'))
      .join('')
  while (text() !== 'early\n') await delay(5)
  t.ok(files().every((name) => (statSync(join(outputDir, name)).mode & 0o777) === 0o600))
  writeFileSync(join(root, 'go'), '')
  t.match(await result, { head: 'early\nlate\n', bytesCut: 0, outputPath: undefined })
  t.notOk(existsSync(outputDir), 'nor is its folder counted among those that are kept')
})

test('what was printed so far is found by call, shown as the tool would, and cut where it is long', async (t) => {
  const { outputDir } = createWorkshop(t)
  t.equal(await takeOutputSoFar(outputDir, 't-1'), undefined, 'there is no folder')
  mkdirSync(outputDir)
  const write = (name: string, content: string | Buffer): void => writeFileSync(join(outputDir, name), content)
  write('t-1-00000001.txt', '\x1b[31mred\x1b[0m 10 %\r90 %\n')
  write('t-1-00000001-00000002.txt', 'of another call')
  write('t-2-00000003.txt', '')
  t.equal(await takeOutputSoFar(outputDir, 't-1'), '90 %\n', 'progress by its last state')
  t.equal(await takeOutputSoFar(outputDir, 't-2'), undefined, 'nothing was printed')
  t.same(readdirSync(outputDir), ['t-1-00000001-00000002.txt'])

  const lines = Array.from({ length: 20_000 }, (_, index) => `${index} ä\n`)
  write('t-3-00000004.txt', lines.join(''))
  const told = (await takeOutputSoFar(outputDir, 't-3')) ?? ''
  t.ok(told.length <= limits.outputSoFarBytesMax + 300, `${told.length} characters`)
  t.match(
    told,
    /^0 ä\n1 ä\n[^]* ä\n\[[^\]]+ cut here; the whole output is in .*t-3-00000004\.txt\]\n\d+ ä\n[^]*\n19999 ä\n$/,
  )
  t.notMatch(told, /\ufffd/, 'no character is cut in two')
  t.equal(readFileSync(join(outputDir, 't-3-00000004.txt'), 'utf8'), lines.join(''), 'and the rest can be read')
})

test('where the disk refuses the file, the command goes on and the result says there is none', async (t) => {
  const { run, outputDir } = createWorkshop(t)
  writeFileSync(outputDir, 'in the way')
  t.match(await run('seq 1 20000', { charactersMax: 1_000 }), {
    end: { code: 0 },
    outputPath: undefined,
    bytesTotal: 108_894,
  })
})

test('a folder that cannot be written to does not stop the command', { skip: process.getuid?.() === 0 }, async (t) => {
  const { run, outputDir } = createWorkshop(t)
  mkdirSync(outputDir)
  chmodSync(outputDir, 0o500)
  t.match(await run('seq 1 20000', { charactersMax: 1_000 }), { end: { code: 0 }, outputPath: undefined })
})

test('R6 output floods are bounded: the daemon grows by less than 64 MB, and its file stops growing at the limit', async (t) => {
  const { run } = createWorkshop(t)
  await run('yes | head -c 1000000')
  const before = process.memoryUsage.rss()
  let peak = before
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 10)
  let shown = 0
  const result = await run('yes "a line of text" | head -c 320000000; echo the end', {
    onOutput: (chunk) => (shown += chunk.length),
  })
  clearInterval(watch)
  t.ok(peak - before < 64_000_000, `grew by ${peak - before} bytes`)
  t.equal(result.bytesTotal, 320_000_008)
  t.ok(result.tail.endsWith('the end\n'))
  t.equal(result.outputPathBytes, limits.outputFileBytesMax)
  t.equal(statSync(result.outputPath ?? '').size, limits.outputFileBytesMax)
  const shownMax = limits.liveBurstCharactersMax + (result.durationMs / 1_000 + 1) * limits.liveCharactersPerSecondMax
  t.ok(shown < shownMax, `showed ${shown} characters in ${result.durationMs} ms`)
})

test('very many tiny writes are gathered, so that they do not hold up the event loop (SH-13)', async (t) => {
  const { run } = createWorkshop(t)
  const chunks: string[] = []
  const command = 'i=0; while [ $i -lt 100000 ]; do echo $i; i=$((i+1)); done'
  const result = await run(command, { onOutput: (chunk) => void chunks.push(chunk) })
  t.equal(result.bytesTotal, 588_890)
  const chunksMax = result.durationMs / limits.liveOutputMs + 10
  t.ok(chunks.length < chunksMax, `${chunks.length} pieces in ${result.durationMs} ms`)
  t.ok(chunks.every((chunk) => Buffer.byteLength(chunk) <= 64 * 1024))
})

test('watched output comes as it is made, in order, and is the same text as the result', async (t) => {
  const { run } = createWorkshop(t)
  const chunks: { chunk: string; stream: string; at: number }[] = []
  const result = await run('echo one; sleep 0.2; echo two >&2; sleep 0.05; echo three', {
    onOutput: (chunk, stream) => void chunks.push({ chunk, stream, at: performance.now() }),
  })
  t.same(
    chunks.map(({ chunk, stream }) => [stream, chunk]),
    [
      ['stdout', 'one\n'],
      ['stderr', 'two\n'],
      ['stdout', 'three\n'],
    ],
  )
  t.ok((chunks[1]?.at ?? 0) - (chunks[0]?.at ?? 0) > 100, 'the first piece did not wait for the second')
  t.equal(chunks.map(({ chunk }) => chunk).join(''), result.head)
})

test('a burst is shown whole, what is too much is counted', async (t) => {
  const { run } = createWorkshop(t)
  const chunks: string[] = []
  const onOutput = (chunk: string) => void chunks.push(chunk)
  const small = await run('seq 1 20000', { onOutput, charactersMax: 1_000 })
  t.equal(chunks.join(''), readFileSync(small.outputPath ?? '', 'utf8'))
  chunks.length = 0
  const large = await run('seq 1 2000000', { onOutput, charactersMax: 1_000 })
  const text = chunks.join('')
  const skipped = [...text.matchAll(/\n\[(\d+) bytes not shown here\]\n/g)]
  const bytesSkipped = skipped.reduce((sum, [, bytes]) => sum + Number(bytes), 0)
  const bytesMarked = skipped.reduce((sum, [marker]) => sum + marker.length, 0)
  t.ok(skipped.length > 0)
  t.equal(Buffer.byteLength(text) - bytesMarked + bytesSkipped, large.bytesTotal)
})

test('a character that comes in two pieces is one character, and bytes that are none become replacement marks', async (t) => {
  const { run } = createWorkshop(t)
  const chunks: string[] = []
  const command = "printf 'a\\303'; sleep 0.05; printf '\\251b\\360\\237\\230'; sleep 0.05; printf '\\200c\\377d'"
  const { head } = await run(command, { onOutput: (chunk) => void chunks.push(chunk) })
  t.equal(head, 'aéb😀c\ufffdd')
  t.equal(chunks.join(''), head)
})

test('colours, links, clipboard writes and progress lines reach neither the model nor the terminal', async (t) => {
  const { run } = createWorkshop(t)
  const chunks: string[] = []
  const command = [
    "printf '\\033[1;31mred\\033[0m \\033]8;;http://a.b\\033\\\\link\\033]8;;\\007 \\033]52;c;ZXZpbA==\\007\\n'",
    "printf '10%%\\r'; sleep 0.03; printf '55%%\\r'; sleep 0.03; printf '100%%\\r\\n'",
    "printf 'cursor\\033[2A\\033[2K\\033'; sleep 0.03; printf '[10;10Hhome\\a\\n'",
    "printf 'ti\\033]0;tle'; sleep 0.03; printf ' more\\033'; sleep 0.03; printf '\\\\tle\\n'",
  ].join(';')
  const { head } = await run(command, { onOutput: (chunk) => void chunks.push(chunk) })
  t.equal(head, 'red link \n100%\ncursorhome\ntitle\n')
  // A state that was overwritten before anybody read it is not shown.
  t.match(chunks.join(''), /^red link \n(?:10%\n)?(?:55%\n)?100%\ncursorhome\ntitle\n$/)
})

test('a progress bar of any length takes the room of its last state', async (t) => {
  const { run } = createWorkshop(t)
  const command =
    'echo start; i=0; while [ $i -lt 20000 ]; do printf "step %s of 20000\\r" $i; i=$((i+1)); done; echo; echo end'
  t.match(await run(command, { charactersMax: 2_000 }), {
    head: 'start\nstep 19999 of 20000\nend\n',
    bytesCut: 0,
    tail: '',
    outputPath: undefined,
  })
})

test('head, tail and what is counted as cut are the whole text, however it is cut into pieces', async () => {
  const pieces = fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '😀', '\n', ' '), maxLength: 80 }), {
    maxLength: 60,
  })
  fc.assert(
    fc.property(pieces, fc.integer({ min: 2, max: 400 }), (texts, charactersMax) => {
      const kept = createKeptOutput(charactersMax)
      for (const text of texts) kept.push(text)
      const whole = texts.join('')
      const { head, tail, bytesCut } = kept.finish()
      if (whole.length <= charactersMax) return head === whole && tail === '' && bytesCut === 0
      const bytes = Buffer.byteLength(head) + bytesCut + Buffer.byteLength(tail)
      return (
        whole.startsWith(head) &&
        whole.endsWith(tail) &&
        head.length + tail.length <= charactersMax &&
        bytes === Buffer.byteLength(whole)
      )
    }),
  )
})

test('a ring holds the newest bytes and knows how many it dropped', async () => {
  const pushes = fc.array(
    fc.record({ text: fc.string({ unit: 'binary-ascii', maxLength: 30 }), stream: fc.constantFrom('a', 'b') }),
  )
  fc.assert(
    fc.property(pushes, fc.integer({ min: 1, max: 64 }), fc.boolean(), (list, capacity, takesBetween) => {
      const ring = createByteRing<string>(capacity)
      if (takesBetween) {
        ring.push(Buffer.from('before'), 'a')
        ring.take()
      }
      for (const { text, stream } of list) ring.push(Buffer.from(text), stream)
      const { pieces, bytesDropped } = ring.take()
      const whole = list.flatMap(({ text, stream }) => [...text].map((character) => stream + character))
      const held = pieces.flatMap(({ bytes, stream }) => [...bytes.toString()].map((character) => stream + character))
      const expected = whole.slice(Math.max(0, whole.length - capacity))
      return held.join('') === expected.join('') && bytesDropped === whole.length - expected.length
    }),
  )
})
