import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { warmAll } from './routing.ts'
import { EMPTY_TABLE } from '../../gateway/table/table.ts'

test('a version cannot be tried while no gateway answers: the caller is told to come back, and it is no fault', async () => {
  const socket = join(tmpdir(), `no-gateway-${process.pid}.sock`)
  const gateway = { pid: 1, start: null, port: 1, grpc_port: null, socket, started_at: 0 }
  await assert.rejects(warmAll([gateway], EMPTY_TABLE), {
    code: 'unavailable',
    data: { what: 'the gateways', detail: `none answers: connect ENOENT ${socket}`, retry_after: 1 },
  })
  assert.deepEqual(await warmAll([], EMPTY_TABLE), [])
})
