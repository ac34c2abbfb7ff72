/** Why a version does not answer: every reason that a gateway gives, each once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GatewayStats } from './admin-client.ts'
import { faultOf } from './faults.ts'

const OF = { endpoint: 'e', model: 'm', version: '2' }
const gateway = (...failed: GatewayStats['failed'][number][]): GatewayStats => ({ failed }) as unknown as GatewayStats
const failure = (reason: string, version = '2') => ({ endpoint: 'e', version, reason })
const ready = { here: () => ({}) as never, failure: () => null }

test('gateways that fail for different reasons are all heard; those of other versions are not', () => {
  const said = (...gateways: GatewayStats[]): string | null => faultOf({ gateways, places: ready }, OF)
  assert.equal(said(gateway(failure('no such file', '1'))), null)
  assert.equal(said(gateway(failure('no such file'))), 'a gateway could not load it: no such file')
  assert.equal(
    said(gateway(failure('no such file')), gateway(failure('out of memory')), gateway(failure('no such file'))),
    'a gateway could not load it: no such file; another one: out of memory',
  )
})

test('without a gateway that failed the files on this server say why', () => {
  const places = { here: () => undefined, failure: () => 'the environment cannot be built' }
  assert.equal(faultOf({ gateways: [gateway()], places }, OF), 'the environment cannot be built')
  assert.match(faultOf({ gateways: [], places: { ...places, failure: () => null } }, OF) ?? '', /being made ready/)
})
