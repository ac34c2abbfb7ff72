/** The Python that loads a pipeline which is written in it: the one of the project, as far as this machine tells. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ifMissing } from '../../../contract/absence/absent.ts'
import { findPython } from '../../../envs/python.ts'
import { PACKAGE_DIR } from '../../../isolation/plan.ts'
import type { Loader } from './program.ts'

const RANGE = '>=3.10'

/**
 * That of SLIPWAY_PYTHON, of the environment that is active, of `.venv` in the project, or of PATH. Throws `unprocessable` where there is
 * none of Python 3.10 or newer.
 */
export async function pythonLoader(root: string): Promise<Loader> {
  return {
    program: await programOf(root),
    args: [join(PACKAGE_DIR, 'slipway/pipeline/command.py')],
    // no files beside the user's, and sets in the same order each time
    env: { PYTHONDONTWRITEBYTECODE: '1', PYTHONHASHSEED: '0', PYTHONUTF8: '1', PYTHONUNBUFFERED: '1' },
  }
}

async function programOf(root: string): Promise<string> {
  const given = process.env['SLIPWAY_PYTHON']
  const active = process.env['VIRTUAL_ENV']
  const folders = [active, join(root, '.venv')].filter((one) => one !== undefined && one !== '')
  const named =
    given !== undefined && given !== '' ? [given] : folders.map((folder) => join(String(folder), 'bin/python'))
  for (const program of named) {
    // a name without a folder is looked for on PATH
    if (program.includes('/') && (await ifMissing(stat(program))) === undefined) continue
    await findPython(RANGE, [program])
    return program
  }
  return (await findPython(RANGE)).path
}
