/** A server starts without the library of GraphQL: the first query brings it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

/** Starts the program's rooms as far as importing goes and then asks one query; prints when graphql was loaded. */
const PROGRAM = `
import { registerHooks } from 'node:module'
let moment = 'start'
const moments = new Set()
registerHooks({ load(url, context, next) {
  if (url.includes('/node_modules/graphql/')) moments.add(moment)
  return next(url, context)
} })
await import('./src/app.ts')
const { graphqlRoutes } = await import('./src/tracking/graphql/mounts.ts')
const routes = graphqlRoutes([])
moment = 'query'
const call = { who: { role: "admin", scopes: [], project: null }, headers: {}, body: { query: '{' } }
await Promise.resolve(routes.at(-1).handle(call)).then(() => 0, (error) => console.log(error.message))
console.log([...moments].join())
`

test('graphql is loaded by the first query, not at the start', () => {
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', PROGRAM], { encoding: 'utf8' })
  assert.match(said, /not valid GraphQL/)
  assert.equal(said.trimEnd().split('\n').at(-1), 'query')
})
