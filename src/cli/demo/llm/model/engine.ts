/** The real model of the demo: a GGUF file that node-llama-cpp runs on the processor, one answer at a time. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Most tokens of a prompt and its answer together. */
export const CONTEXT = 2048

/** What is asked of the model. */
export interface Asked {
  readonly prompt: string
  /** Most tokens of the answer. */
  readonly most: number
  /** 0 = always the likeliest token. */
  readonly temperature: number
  readonly topP: number | undefined
  readonly seed: number | undefined
  /** Texts before which the answer ends. */
  readonly stop: readonly string[]
}

/** How an answer ended. */
export interface Ended {
  readonly tokens: number
  readonly finish: 'stop' | 'length'
}

export interface Engine {
  /** Tokens of a text, that of the beginning too. */
  readonly count: (text: string) => number
  /** Answers after all that were asked before; `piece` is given each part of the text. Ends early, without a fault, once `signal` is aborted. */
  readonly answer: (asked: Asked, signal: AbortSignal, piece: (text: string) => void) => Promise<Ended>
  /** Calls that are answered or wait for it. */
  readonly open: () => number
}

/** What is used of node-llama-cpp, which lies in a folder of its own and is no dependency of the project. */
interface Llama {
  readonly getLlama: (options: { gpu: false; build: 'never'; logLevel: 'error' }) => Promise<{
    loadModel(options: { modelPath: string }): Promise<Model>
  }>
  LlamaCompletion: new (options: { contextSequence: Sequence }) => Completion
}

interface Model {
  readonly tokens: { readonly shouldPrependBosToken: boolean }
  tokenize(text: string): readonly unknown[]
  createContext(options: { contextSize: number; threads: number }): Promise<{ getSequence(): Sequence }>
}

interface Sequence {
  clearHistory(): Promise<void>
}

interface Completion {
  generateCompletionWithMeta(
    prompt: string,
    options: {
      maxTokens: number
      temperature: number
      topP: number | undefined
      seed: number | undefined
      customStopTriggers: readonly string[]
      signal: AbortSignal
      stopOnAbortSignal: true
      onTextChunk: (text: string) => void
      onToken: (tokens: readonly unknown[]) => void
    },
  ): Promise<{ readonly metadata: { readonly stopReason: string } }>
}

/** Loads a model. `folder` is where node-llama-cpp is installed. */
export async function loadEngine(folder: string, file: string, threads: number): Promise<Engine> {
  const entry = pathToFileURL(join(folder, 'node_modules/node-llama-cpp/dist/index.js')).href
  const { getLlama, LlamaCompletion } = (await import(entry)) as Llama
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' })
  const model = await llama.loadModel({ modelPath: file })
  const context = await model.createContext({ contextSize: CONTEXT, threads })
  const sequence = context.getSequence()
  const completion = new LlamaCompletion({ contextSequence: sequence })
  const first = model.tokens.shouldPrependBosToken ? 1 : 0
  const run = async (asked: Asked, signal: AbortSignal, piece: (text: string) => void): Promise<Ended> => {
    let tokens = 0
    if (signal.aborted) return { tokens, finish: 'stop' }
    // an answer that begins in the state of another may differ from it in the last bits, and then in its words
    await sequence.clearHistory()
    const { metadata } = await completion.generateCompletionWithMeta(asked.prompt, {
      maxTokens: asked.most,
      temperature: asked.temperature,
      topP: asked.topP,
      seed: asked.seed,
      customStopTriggers: asked.stop,
      signal,
      stopOnAbortSignal: true,
      onTextChunk: piece,
      onToken: (more) => (tokens += more.length),
    })
    return { tokens, finish: metadata.stopReason === 'maxTokens' ? 'length' : 'stop' }
  }
  let [last, open]: [Promise<unknown>, number] = [Promise.resolve(), 0]
  return {
    count: (text) => first + model.tokenize(text).length,
    answer: (asked, signal, piece) => {
      open++
      // one that failed keeps nobody waiting
      const answer = Promise.allSettled([last])
        .then(() => run(asked, signal, piece))
        .finally(() => open--)
      last = answer
      return answer
    },
    open: () => open,
  }
}
