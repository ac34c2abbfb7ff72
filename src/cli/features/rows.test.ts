/** Cells of CSV and words of a command as values of declared types: what the server is sent, and what is refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ValueType } from '../../contract/features/section.ts'
import { UsageError } from '../invocation/command.ts'
import { typed } from './rows.ts'

const sent = (type: ValueType, cells: readonly string[]): string =>
  JSON.stringify(cells.map((cell) => typed(cell, type, ['row 1', 'c'])))

test('whole numbers of 64 bits keep their digits', () => {
  assert.equal(sent('int', ['9223372036854775807', '+007', '-0']), '[9223372036854775807,7,0]')
})

test('floats that are no numbers are taken as files name them, and minus zero has its sign', () => {
  assert.equal(
    sent('float', ['NaN', 'nan', 'Infinity', 'inf', '+inf', '-Infinity', '-inf', ' -INF ', '-0.0', '-0', '0', '1e2']),
    '["NaN","NaN","Infinity","Infinity","Infinity","-Infinity","-Infinity","-Infinity",-0.0,-0.0,0,100]',
  )
})

test('what is of another type is refused with its place', () => {
  const cells: readonly (readonly [ValueType, RegExp, readonly string[]])[] = [
    ['float', /expected a number/, ['none', 'na', 'infinite', '--inf', '1e999', '0x1f', 'constructor']],
    ['int', /expected a whole number/, ['NaN', '1.0', 'inf', 'constructor']],
    ['bool', /expected true or false/, ['yes', '', 'constructor']],
  ]
  for (const [type, message, all] of cells)
    for (const cell of all)
      assert.throws(
        () => typed(cell, type, ['row 1', 'c']),
        (error) =>
          error instanceof UsageError &&
          message.test(error.message) &&
          error.message.startsWith(`"c" in row 1 is "${cell}"`),
        `${type} ${cell}`,
      )
})
