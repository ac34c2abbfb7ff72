/** A stand-in for node-llama-cpp: its model says the words of the prompt again, one by one; with the word `endless`, until it is told to end. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

const MODULE = `
import { setImmediate as pause } from 'node:timers/promises'
const words = (text) => text.match(/\\s*\\S+/g) ?? []
let busy = false
export async function getLlama(options) {
  if (options.gpu !== false || options.build !== 'never') throw new Error('it would be compiled')
  return {
    async loadModel({ modelPath }) {
      if (modelPath.endsWith('broken.gguf')) throw new Error('no model')
      return {
        tokens: { shouldPrependBosToken: true },
        tokenize: words,
        createContext: async () => ({ getSequence: () => ({ clearHistory: async () => {} }) }),
      }
    },
  }
}
export class LlamaCompletion {
  async generateCompletionWithMeta(prompt, { maxTokens, customStopTriggers, signal, onTextChunk, onToken }) {
    if (busy) throw new Error('two answers at once')
    if (prompt.includes('fail')) throw new Error('the model failed')
    busy = true
    try {
      for (let i = 0; i < maxTokens || prompt.includes('endless'); i++) {
        if (signal.aborted) return { metadata: { stopReason: 'abort' } }
        const word = words(prompt)[i % words(prompt).length]
        if (customStopTriggers.some((stop) => word.includes(stop))) return { metadata: { stopReason: 'customStopTrigger' } }
        onToken([word])
        onTextChunk(word)
        await pause()
      }
      return { metadata: { stopReason: 'maxTokens' } }
    } finally {
      busy = false
    }
  }
}
`

/** A folder in which that module is installed; removed with the test. */
export function llamaFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-llama-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const home = join(folder, 'node_modules/node-llama-cpp')
  mkdirSync(join(home, 'dist'), { recursive: true })
  writeFileSync(join(home, 'package.json'), '{"type":"module"}')
  writeFileSync(join(home, 'dist/index.js'), MODULE)
  return folder
}
