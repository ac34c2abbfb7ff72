/** What the steps of a run print, line by line, each line behind the name of its step. */
import type { Client } from '../../client/client.ts'
import type { Output } from '../invocation/output.ts'
import { paint } from '../invocation/output.ts'
import { followStep } from './step-log.ts'

/** Follows the logs of steps side by side. Nothing is followed where nothing would be shown. */
export class Prints {
  readonly #client: Client
  readonly #run: string
  readonly #out: Output
  readonly #followed = new Map<string, Promise<void>>()

  constructor(client: Client, run: string, out: Output) {
    this.#client = client
    this.#run = run
    this.#out = out
  }

  /** Begins to print a step's log, once. */
  begin(step: string): void {
    if (!this.#out.json && !this.#followed.has(step)) this.#followed.set(step, this.#follow(step))
  }

  /** Waits until all that a step printed is shown. */
  async end(step: string): Promise<void> {
    await this.#followed.get(step)
  }

  async #follow(step: string): Promise<void> {
    const name = paint('dim', `  ${step} |`)
    let rest = ''
    try {
      for await (const text of followStep(this.#client, this.#run, step)) {
        const lines = (rest + text).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) this.#out.line(`${name} ${shown(line)}`)
      }
      if (rest !== '') this.#out.line(`${name} ${shown(rest)}`)
    } catch (error) {
      this.#out.line(`${name} its log could not be read: ${(error as Error).message}`)
    }
  }
}

/** A bar that was drawn over itself is shown as it was left. */
function shown(line: string): string {
  return line.replace(/\r+$/, '').split('\r').at(-1) ?? ''
}
