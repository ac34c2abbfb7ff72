/** The routes of the control process, as the running program mounts them. */
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Route } from '../src/contract/route.ts'
import { startTestApp } from './app.ts'
import { isTest } from './house/files.ts'

const root = resolve(import.meta.dirname, '..')

/** The route tables of the contract by name, `systemApi` and the like. */
export async function contractTables(): Promise<Map<string, Route[]>> {
  const found = new Map<string, Route[]>()
  for (const file of globSync('src/contract/**/*.ts', { cwd: root })
    .filter((path) => !isTest(path))
    .sort()) {
    const exported = (await import(pathToFileURL(join(root, file)).href)) as Record<string, unknown>
    for (const [name, table] of Object.entries(exported)) {
      if (name.endsWith('Api') && typeof table === 'object')
        found.set(name, Object.values(table as Record<string, Route>))
    }
  }
  return found
}

/** What the rooms of a program mount that is started for this, in an empty folder: foreign protocols among it. */
export async function mountedRoutes(): Promise<readonly Route[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'slipway-routes-'))
  const app = await startTestApp({ dataDir })
  await app.stop()
  rmSync(dataDir, { recursive: true, force: true })
  return app.routes
}

/** Every route once: what is mounted, and what the contract names. */
export async function everyRoute(): Promise<Route[]> {
  const all = [...[...(await contractTables()).values()].flat(), ...(await mountedRoutes())]
  return [...new Map(all.map((one) => [`${one.method} ${one.path}`, one])).values()]
}
