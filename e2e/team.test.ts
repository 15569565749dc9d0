import { test } from 'tap'
import { Redis } from 'ioredis'
import pg from 'pg'
import { watchRun } from '#support/events'
import type { SeenEvent } from '#support/events'
import { startMaestro } from '#support/maestro'
import { requireServices } from '#support/services'
import { createSystem } from '#support/system'

type Line = { event_id?: string; type: string; payload: Record<string, unknown> }

test('codegen on real Postgres and Redis with two Maestros: rows, the stream, and the same events from the other one', async (t) => {
  const services = await requireServices(t)
  if (!services) return
  const system = await createSystem(t, {
    scenario: {
      steps: [
        { text: 'one two three ', delay_ms: 30, calls: [{ tool: 'Shell', arguments: { command: 'echo out' } }] },
        { text: 'four five six', delay_ms: 30 },
      ],
    },
  })
  const uses = { modelUrl: system.model.url, ...services, token: 'a-token-of-sixteen-or-more' }
  const [near, far] = await Promise.all([startMaestro(t, uses), startMaestro(t, uses)])
  system.env['CODEGEN_MAESTRO_URL'] = near.url
  system.env['CODEGEN_TOKEN'] = near.token

  // As soon as the first event names the run, the other replica is watched.
  const child = system.startCodegen(['--auto', '--json', 'go'])
  let text = ''
  let watched: Promise<SeenEvent[]> | undefined
  child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
    const id = /"generation_id":"([^"]+)"/.exec(text)?.[1]
    if (id) watched ??= eventsOf(watchRun(far, id))
  })
  t.equal(await new Promise((resolve) => child.once('close', resolve)), 0)
  const lines = text
    .trim()
    .split('\n')
    .map((line): Line => JSON.parse(line))
  const shown = lines.filter((line) => line.event_id)
  const seen = (await watched) ?? []
  t.ok(shown.filter((line) => line.type === 'agent_message_delta').length >= 4, 'deltas come as they are made')
  t.strictSame(
    seen.map(({ id, type, payload }) => ({ event_id: id, type, payload })),
    shown.map(({ event_id, type, payload }) => ({ event_id, type, payload })),
  )

  const id = String(shown[0]?.payload['generation_id'])
  const facts = shown.filter((line) => line.event_id?.endsWith('-0'))
  const client = new pg.Client({ connectionString: services.databaseUrl })
  await client.connect()
  const log = await client.query(
    'SELECT position, type, payload FROM run_log WHERE generation_id = $1 ORDER BY position',
    [id],
  )
  const runs = await client.query('SELECT status, length, turns FROM runs WHERE generation_id = $1', [id])
  await client.end()
  t.same(
    log.rows.map((row) => ({ event_id: `${row.position}-0`, type: row.type, payload: row.payload })),
    facts.map(({ event_id, type, payload }) => ({ event_id, type, payload })),
  )
  t.same(runs.rows, [{ status: 'completed', length: String(facts.length), turns: 2 }])

  const redis = new Redis(services.redisUrl)
  const stream = await redis.xrange(`codegen:default:run:${id}`, '-', '+')
  await redis.quit()
  t.strictSame(
    stream.map(([entryId]) => entryId),
    shown.map((line) => line.event_id),
  )
})

async function eventsOf(watching: AsyncIterable<SeenEvent>): Promise<SeenEvent[]> {
  const events: SeenEvent[] = []
  for await (const event of watching) events.push(event)
  return events
}
