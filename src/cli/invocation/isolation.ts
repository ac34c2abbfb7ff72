/** What was asked of isolation: the flag `--isolation`, else SLIPWAY_ISOLATION. */
import { delimiter, isAbsolute } from 'node:path'
import { MODES, type Mode } from '../../isolation/isolation.ts'
import { UsageError } from './command.ts'
import { config } from './config.ts'

/** Whether other people's code is confined. Throws UsageError for what is no mode. */
export function isolationMode(flag: string | undefined): Mode {
  const said = flag ?? config('SLIPWAY_ISOLATION') ?? 'auto'
  const mode = MODES.find((one) => one === said)
  if (mode !== undefined) return mode
  const where = flag === undefined ? 'SLIPWAY_ISOLATION' : '--isolation'
  throw new UsageError(`${where} is "${said}"; expected one of ${MODES.join(', ')}`)
}

/** Folders that steps, models and builds may write besides their own. Throws UsageError for one that is no absolute path. */
export function writableFolders(): string[] {
  const folders = (config('SLIPWAY_WRITABLE') ?? '').split(delimiter).filter((folder) => folder !== '')
  const wrong = folders.find((folder) => !isAbsolute(folder))
  if (wrong !== undefined)
    throw new UsageError(`SLIPWAY_WRITABLE names "${wrong}"; expected absolute paths, separated by "${delimiter}"`)
  return folders
}
