/** Faults that come again and again: one line when one comes or changes, one when it ends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textOf, watchFaults } from './faults.ts'

test('a fault is told once, another one too, and its end once', () => {
  const lines: string[] = []
  const faults = watchFaults({
    onError: (error) => lines.push((error as Error).message),
    log: (text) => lines.push(text),
  })
  for (let i = 0; i < 100; i++) faults.fail('judging e', new Error(`no connection to port ${5000 + i}`))
  assert.deepEqual(lines, ['judging e failed and is tried again: no connection to port 5000'])
  faults.fail('judging f', new Error('no connection to port 1'))
  assert.equal(faults.fail('judging e', new Error('the disk is full')), true)
  assert.equal(faults.fail('judging e', new Error('the disk is full')), false)
  assert.deepEqual(
    [faults.well('judging e'), faults.well('judging e'), faults.well('never failed')],
    [true, false, false],
  )
  assert.deepEqual(lines.slice(1), [
    'judging f failed and is tried again: no connection to port 1',
    'judging e failed and is tried again: the disk is full',
    'judging e goes well again',
  ])
})

test('the fault itself goes to the log with its stack', () => {
  const told: unknown[] = []
  const cause = new Error('gone')
  watchFaults({ onError: (error) => told.push(error), log: () => undefined }).fail('a look', cause)
  assert.equal((told[0] as Error).cause, cause)
})

test('a fault that quotes what was read is a text without control characters, and the beginning of a long one', () => {
  assert.equal(textOf(new Error('it has PAR1\0\u0015\n\u0085é, "b"')), 'it has PAR1 é, "b"')
  assert.equal(textOf(new Error('x'.repeat(501))), `${'x'.repeat(500)}…`)
  assert.equal(textOf(`${'x'.repeat(499)}😀`), `${'x'.repeat(499)} …`)
  assert.equal(textOf(7), '7')
})
