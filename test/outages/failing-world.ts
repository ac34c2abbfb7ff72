/** The running program with something of everything in it, on files that fail for as long as a test says. */
import { join } from 'node:path'
import { after, before, describe } from 'node:test'
import { startTestServer } from '../server.ts'
import { failingFiles, NO_COMPILER } from './failing-files.ts'
import type { Failing } from './failing-files.ts'
import { makeWorld } from './world.ts'
import type { Values } from './values.ts'

export interface FailingWorld {
  readonly url: string
  readonly data: string
  readonly values: Values
  /** From now on a file of the data folder, or all below a folder of it, fails. */
  readonly fail: (how: Failing, name: string) => void
  /** From now on nothing fails. */
  readonly mend: () => void
}

/** Tests over one such program, which is there when they run; skipped where nothing can be made to fail. */
export function onFailingFiles(name: string, cases: (world: () => FailingWorld) => void): void {
  const files = failingFiles()
  describe(name, { skip: files === undefined ? NO_COMPILER : false }, () => {
    let world: FailingWorld
    let end = async (): Promise<void> => undefined
    before(async () => {
      const env = { ...files?.env, SLIPWAY_LOG_LEVEL: 'silent' }
      const server = await startTestServer({ args: ['--no-auth'], env })
      const { url, data } = server
      end = async () => void (await server.stop())
      world = {
        url,
        data,
        values: await makeWorld(url),
        fail: (how, below) => files?.fail(how, join(data, below)),
        mend: () => files?.mend(),
      }
    })
    after(async () => {
      await end()
      files?.remove()
    })
    cases(() => world)
  })
}
