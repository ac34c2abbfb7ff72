/** What commands print, and on which stream: results apart from progress, and JSON alone where it is asked for. */
import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { formatTable, output, paint, SILENT } from './output.ts'
import type { Output } from './output.ts'

/** The text that both streams get while `use` runs, which must not await. */
function printed(json: boolean, use: (out: Output) => void): { out: string; err: string } {
  const texts = ['', '']
  const mocks = [process.stdout, process.stderr].map((stream, i) =>
    mock.method(stream, 'write', (text: string) => {
      texts[i] += text
      return true
    }),
  )
  try {
    use(output(json))
  } finally {
    for (const one of mocks) one.mock.restore()
  }
  const [out = '', err = ''] = texts
  return { out, err }
}

function say(out: Output): void {
  out.progress('reading')
  out.line('done')
  out.table(['run', 'state'], [['run_1', 'FINISHED']])
  out.data({ id: 'run_1', values: [1, null] })
}

describe('the output of a command', () => {
  it('is lines and tables for people', () => {
    const { out } = printed(false, say)
    assert.deepEqual(out.split('\n'), ['done', 'run    state', 'run_1  FINISHED', ''])
  })

  it('is one JSON value and nothing else with --json', () => {
    const { out } = printed(true, say)
    assert.deepEqual(JSON.parse(out), { id: 'run_1', values: [1, null] })
    assert.ok(out.endsWith('}\n'))
  })

  it('tells progress on standard error, with --json too', () => {
    for (const json of [false, true]) assert.match(printed(json, say).err, /reading/)
  })

  it('tells the same progress once', { skip: process.stderr.isTTY ? 'standard error is a terminal' : false }, () => {
    const { err } = printed(false, (out) => {
      for (const text of ['1 part', '1 part', '2 parts', '1 part']) out.progress(text)
    })
    assert.equal(err, '1 part\n2 parts\n1 part\n')
  })

  it('is nothing in the background', () => {
    assert.deepEqual(
      printed(false, () => say(SILENT)),
      { out: '', err: '' },
    )
  })
})

describe('a table', () => {
  it('is as wide as its widest cell and has no blanks at the end', () => {
    const rows = [
      ['a', 'x', ''],
      ['longer', '', 'z'],
    ]
    assert.deepEqual(formatTable(['k', 'value', 'why'], rows).split('\n'), [
      'k       value  why',
      'a       x',
      'longer         z',
    ])
  })

  it('is its head alone without rows', () => {
    assert.equal(formatTable(['run', 'state'], []), 'run  state')
  })

  it('takes rows that are shorter than its head', () => {
    assert.equal(formatTable(['a', 'b'], [['1']]), 'a  b\n1')
  })
})

describe('colour', () => {
  it('is for terminals alone, and not where NO_COLOR is set', () => {
    const before = process.env['NO_COLOR']
    try {
      delete process.env['NO_COLOR']
      assert.equal(paint('red', 'no', { isTTY: false }), 'no')
      assert.equal(paint('red', 'no', {}), 'no')
      process.env['NO_COLOR'] = ''
      assert.equal(paint('red', 'no', { isTTY: true }), 'no')
    } finally {
      if (before === undefined) delete process.env['NO_COLOR']
      else process.env['NO_COLOR'] = before
    }
  })
})
