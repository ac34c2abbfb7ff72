/** What every route of the contract must be like, and which calls may be repeated under a key. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { z } from 'zod'
import { fromZod } from '../http/failure.ts'
import { RESOURCES, VERBS } from './access.ts'
import { ERRORS } from './errors.ts'
import { takesKey } from './route.ts'
import type { Route } from './route.ts'

/** Every route that a file of the contract exports in a table named `…Api`. */
const routes: [name: string, route: Route][] = []
for (const file of readdirSync(import.meta.dirname).filter((name) => /^[\w-]+\.ts$/.test(name))) {
  const exported = (await import(join(import.meta.dirname, file))) as Record<string, unknown>
  for (const [table, value] of Object.entries(exported)) {
    if (!table.endsWith('Api') || table === 'openApi') continue
    for (const [key, route] of Object.entries(value as Record<string, Route>)) routes.push([`${table}.${key}`, route])
  }
}

/** What callers send in place of what was asked for. */
const HOSTILE: readonly unknown[] = [
  undefined,
  null,
  [],
  {},
  '',
  'text',
  5,
  true,
  [[[]]],
  { __proto__: null, constructor: 1 },
  { toString: 1 },
  { '': 1 },
  { id: { id: {} }, name: [], version: {}, limit: {} },
  Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`k${at}`, at])),
]

test('there are routes', () => assert.ok(routes.length > 80))

test('no two routes have the same method and path', () => {
  const all = routes.map(([, { method, path }]) => `${method} ${path}`)
  assert.deepEqual(all.toSorted(), [...new Set(all)].sort())
})

test('no path of one route is taken by the named part of another of the same method', () => {
  const shapes = routes.map(([name, { method, path }]) => ({
    name,
    shape: `${method} ${path.replace(/(?<=\/):\w+/g, ':')}`,
  }))
  const twice = shapes.filter(({ shape }, at) => shapes.findIndex((one) => one.shape === shape) !== at)
  assert.deepEqual(twice, [])
})

for (const [name, route] of routes) {
  describe(name, () => {
    test('has a path of small parts, a summary, and names who may call it', () => {
      assert.match(route.path, /^(\/(:[a-z_]+|[a-z0-9_-]+(:[a-z]+)?))+$/)
      assert.match(route.summary, /^[A-Z].{5,}[^.]$/s)
      if (route.access === 'public') return
      assert.ok(VERBS.includes(route.access.verb))
      assert.ok(RESOURCES.includes(route.access.resource))
    })

    test('reads for GET, changes for the others', () => {
      if (route.access === 'public') return
      const changes = ['write', 'label', 'deploy', 'approve'].includes(route.access.verb)
      assert.ok(route.method !== 'GET' || !changes, route.access.verb)
      assert.ok(route.method !== 'GET' || route.body === undefined, 'GET has no body')
      assert.ok(route.method !== 'DELETE' || route.access.verb !== 'read')
    })

    test('describes each named part of its path, and no other', () => {
      const named = [...route.path.matchAll(/(?<=\/):(\w+)/g)].map(([, part = '']) => part).sort()
      const described = route.params instanceof z.ZodObject ? Object.keys(route.params.shape).sort() : []
      assert.deepEqual(described, named)
    })

    test('names errors of the table, each once', () => {
      const errors = route.errors ?? []
      assert.ok(errors.every((code) => code in ERRORS))
      assert.equal(new Set(errors).size, errors.length)
      const { status = 200 } = route
      assert.ok([200, 201].includes(status))
    })

    for (const part of ['params', 'query', 'body'] as const) {
      const schema = route[part]
      if (schema === undefined || typeof schema === 'string') continue
      test(`refuses ${part} that it did not ask for by field, value and expectation, and never breaks`, () => {
        for (const input of HOSTILE) {
          const parsed = schema.safeParse(input)
          if (parsed.success) continue
          const refusal = fromZod(parsed.error, part, input)
          assert.equal(refusal.code, 'invalid_field')
          assert.match(refusal.message, new RegExp(`^${part}[^:]*: got .*, expected .`, 's'))
          assert.doesNotMatch(refusal.message, /undefined|\[object|expected Invalid/, JSON.stringify(input))
          assert.ok(refusal.message.length < 2000)
        }
      })
    }
  })
}

describe('a key for repetitions', () => {
  const base: Route = {
    method: 'POST',
    path: '/x',
    summary: 'x',
    access: { verb: 'write', resource: 'runs' },
    body: z.object({}),
    reply: 'json',
  }
  for (const [what, change, taken] of [
    ['a POST that changes', {}, true],
    ['a POST without a body', { body: undefined }, true],
    ['a PUT', { method: 'PUT' }, false],
    ['a PATCH', { method: 'PATCH' }, false],
    ['a DELETE', { method: 'DELETE' }, false],
    ['a GET', { method: 'GET' }, false],
    ['a POST that reads', { access: { verb: 'read', resource: 'runs' } }, false],
    ['a POST of anyone', { access: 'public' }, false],
    ['an upload', { body: 'stream' }, false],
    ['a body of a foreign protocol', { body: 'json' }, false],
    ['another dialect', { dialect: 'mlflow' }, false],
    ['our own dialect by name', { dialect: 'slipway' }, true],
  ] as const) {
    test(`${what} takes ${taken ? 'one' : 'none'}`, () => {
      const { body: _, ...rest } = base
      const changed = 'body' in change && change.body === undefined ? rest : { ...base, ...change }
      assert.equal(takesKey(changed as Route), taken)
    })
  }
})
