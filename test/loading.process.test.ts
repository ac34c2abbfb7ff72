/** What a start of the server loads: no library that most servers never need. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import { test } from 'node:test'

/** Imports all rooms and prints the packages that came with them. */
const PROGRAM = `
import { registerHooks } from 'node:module'
const packages = new Set()
registerHooks({
  load(url, context, next) {
    const [, name] = /node_modules\\/([^/]+)\\//.exec(url) ?? []
    if (name !== undefined) packages.add(name)
    return next(url, context)
  },
})
await import('./src/app.ts')
console.log(JSON.stringify([...packages]))
`

test('libraries that a caller brings are not loaded at the start', () => {
  const cwd = resolve(import.meta.dirname, '..')
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', PROGRAM], { cwd, encoding: 'utf8' })
  const loaded = JSON.parse(said) as string[]
  assert.ok(loaded.includes('zod'), said)
  assert.deepEqual(
    ['graphql', 'hyparquet', 'jose', 'pg'].filter((name) => loaded.includes(name)),
    [],
  )
})
