/** The real parts of the demo for tests: brought once into the cache of the user; where they cannot be had, the test is skipped with why. */
import type { TestContext } from 'node:test'
import { Problem } from '../../../../contract/errors.ts'
import { bringParts } from './parts.ts'
import type { Parts } from './parts.ts'
import { thisMachine } from './platform.ts'

/** Undefined where the test is skipped. */
export async function partsOrSkip(t: TestContext): Promise<Parts | undefined> {
  try {
    return await bringParts({ say: (line) => t.diagnostic(line), machine: thisMachine() })
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'unavailable') throw error
    t.skip(`${error.message}; slipway demo llm brings what it needs`)
    return undefined
  }
}
