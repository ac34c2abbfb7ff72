/** What is read of outputs besides their plain text, for secrets may stand there. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readNotebook } from './ipynb.ts'
import { secretsIn } from './secret-text.ts'

function besides(output: object): string {
  const cell = { cell_type: 'code', source: 'x', outputs: [output] }
  return readNotebook(JSON.stringify({ nbformat: 4, metadata: {}, cells: [cell] })).cells[0]?.outputs[0]?.besides ?? ''
}

describe('other texts of an output', () => {
  const shown = (data: object): object => ({ output_type: 'display_data', data })

  it('HTML without tags, styles and scripts, closed or cut off', () => {
    const style = '<style>.sk-toggleable__label-arrow:before{token:Abcd1234x}'
    const html = ['<b class="sk-toggleable__label-arrow">token</b>: <i>Html-t0ken-88</i>', '<script>var x = 1</script>']
    const read = besides(shown({ 'text/html': [`${style}</style>`, ...html, style] }))
    assert.deepEqual(secretsIn(read, new Set()), ['Html-t0ken-88'])
    assert.doesNotMatch(read, /toggleable|var x|</)
  })

  it('Markdown and what an error says, and neither plain text nor pictures', () => {
    assert.equal(besides(shown({ 'text/markdown': ['a', 'b'], 'text/plain': 'c', 'image/png': 'd' })), 'ab')
    assert.equal(besides({ output_type: 'error', evalue: 'wrong', traceback: ['at'] }), 'wrong')
    assert.equal(besides({ output_type: 'error', evalue: 7 }), '')
  })

  it('the language is what the metadata say, by any of three words', () => {
    const language = (metadata: object): string =>
      readNotebook(JSON.stringify({ nbformat: 4, metadata, cells: [] })).language
    assert.equal(language({}), '')
    assert.equal(language({ kernelspec: { name: 'python3' } }), 'python3')
    assert.equal(language({ kernelspec: { name: 'x', language: 'python' } }), 'python')
    assert.equal(language({ language_info: { name: 'ipython' } }), 'ipython')
  })
})
