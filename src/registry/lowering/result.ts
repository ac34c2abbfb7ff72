/** What a module that read a model says of it. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { MachineWants } from './tries.ts'

interface Told {
  readonly reason?: string | null
  /** The machine had no more of something, which says nothing of the model. */
  readonly wants?: true
}

/**
 * The result that a module left in its folder, or, where the disk had no room for it, that it printed last. Throws `MachineWants` where it
 * says nothing of the model.
 */
export async function readResult<R extends Told>(out: string, stdout: string): Promise<R> {
  const text = (await ifMissing(readFile(join(out, 'result.json'), 'utf8'))) ?? stdout.trimEnd().split('\n').at(-1)
  const result = JSON.parse(text ?? '') as R
  if (result.wants === true) throw new MachineWants(result.reason ?? 'the machine refused it')
  return result
}
