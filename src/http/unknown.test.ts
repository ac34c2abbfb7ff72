/** Requests that no route takes: which methods are told, whose error shape answers, where pages may lie. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import type { Access } from '../contract/access.ts'
import { route } from '../contract/route.ts'
import type { Method } from '../contract/route.ts'
import { slipwayFailure } from './failure.ts'
import { mount, Raw } from './mount.ts'
import { unrouted } from './unknown.ts'

const foreign = (): Raw => new Raw(404, {}, 'foreign')
const at = (method: Method, path: string, fail?: typeof foreign, access: Access = { verb: 'read', resource: 'runs' }) =>
  mount(route({ method, path, summary: '', access, reply: z.object({}) }), () => ({}), fail)

const judge = unrouted([
  at('GET', '/v1/things/:id'),
  at('PUT', '/v1/things/:id'),
  at('GET', '/v1/things/:id/files/*', foreign),
  at('POST', '/api/2.0/other.thing/make', foreign),
  at('GET', '/login/:code', undefined, 'public'),
  // a client that joins a base with a slash and a path with another
  at('GET', '//files/get', foreign),
])

test('a known path with another method is 405 with the methods, in the shape of its own routes', () => {
  const found = judge('DELETE', '/v1/things/a%2Fb')
  assert.equal(found.error.code, 'method_not_allowed')
  assert.deepEqual(found.headers, { allow: 'GET, PUT' })
  assert.equal(found.render, slipwayFailure)
  assert.equal(judge('GET', '/api/2.0/other.thing/make').render, foreign)
  assert.equal(judge('POST', '/v1/things/a/files/x/y').render, foreign)
})

test('a dot in a path is a dot, a part is never two', () => {
  assert.equal(judge('GET', '/api/2.0/otherXthing/make').error.code, 'no_route')
  assert.equal(judge('GET', '/v1/things/a/b').error.code, 'no_route')
  assert.equal(judge('GET', '/v1/things/').error.code, 'no_route')
})

test('an unknown path answers as all its neighbours do; pages lie only where no guarded route does', () => {
  assert.equal(judge('GET', '/api/nothing').render, foreign)
  assert.equal(judge('GET', '/v1/nothing').render, slipwayFailure)
  const pages = ['/', '/runs/r1', '/login'].map((path) => judge('GET', path).page)
  assert.deepEqual(pages, [true, true, true])
  assert.deepEqual(
    ['/v1/nothing', '/api/nothing'].map((path) => judge('GET', path).page),
    [false, false],
  )
})
