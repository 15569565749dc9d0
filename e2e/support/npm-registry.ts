import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'

export type Package = { readonly manifest: Record<string, unknown>; readonly files: Readonly<Record<string, string>> }

/** A registry of npm packages on this machine, as far as npm asks one. It ends with the test. */
export type NpmRegistry = { readonly url: string; publish(package_: Package): Promise<void> }

export async function startNpmRegistry(t: Pick<Test, 'teardown'>): Promise<NpmRegistry> {
  const scratch = await mkdtemp(join(tmpdir(), 'registry-'))
  const versions = new Map<string, Map<string, { manifest: Record<string, unknown>; tarball: Buffer }>>()
  const server = createServer((request, response) => {
    const [, name = '', tarballOf] =
      /^\/(@[^/]+\/[^/]+|[^/]+)(?:\/-\/(.+)\.tgz)?$/.exec(decodeURIComponent(request.url ?? '/')) ?? []
    const found = versions.get(name)
    if (!found) return response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not found"}')
    if (tarballOf !== undefined) return response.end(found.get(tarballOf)?.tarball)
    const newest = [...found.keys()].at(-1) ?? ''
    const all = Object.fromEntries([...found].map(([version, { manifest }]) => [version, manifest]))
    const body = { name, 'dist-tags': { latest: newest }, versions: all }
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  t.teardown(async () => {
    server.closeAllConnections()
    server.close()
    await rm(scratch, { recursive: true, force: true })
  })
  return {
    url,
    async publish({ manifest, files }) {
      const [name, version] = [String(manifest['name']), String(manifest['version'])]
      const folder = await mkdtemp(join(scratch, 'package-'))
      for (const [file, text] of Object.entries({ ...files, 'package.json': JSON.stringify(manifest) })) {
        await mkdir(dirname(join(folder, file)), { recursive: true })
        await writeFile(join(folder, file), text)
      }
      const packed = await promisify(execFile)('npm', ['pack', '--ignore-scripts', '--json'], { cwd: folder })
      const answer: unknown = JSON.parse(packed.stdout)
      const [entry] = Object.values(answer as Record<string, { filename: string }>)
      const tarball = await readFile(join(folder, entry?.filename ?? ''))
      const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
      const dist = { integrity, tarball: `${url}/${name}/-/${version}.tgz` }
      const known = versions.get(name) ?? new Map<string, { manifest: Record<string, unknown>; tarball: Buffer }>()
      versions.set(name, known.set(version, { manifest: { ...manifest, dist }, tarball }))
    },
  }
}
