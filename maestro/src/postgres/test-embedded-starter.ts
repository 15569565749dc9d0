// Started by tests: starts the Postgres of the folder it is given, says where, and stops it when its input ends.
import { once } from 'node:events'
import { startEmbeddedPostgres } from './embedded.ts'

const [folder = '', sharedFolder = ''] = process.argv.slice(2)
const log = (message: string): boolean => process.stderr.write(`${message}\n`)
const postgres = await startEmbeddedPostgres({ folder, log, ...(sharedFolder === '' ? {} : { sharedFolder }) })
process.stdout.write(`${JSON.stringify(postgres.connection)}\n`)
await once(process.stdin.resume(), 'end')
await postgres.stop()
