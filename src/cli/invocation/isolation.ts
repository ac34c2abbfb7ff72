/** What was asked of isolation: the flag `--isolation`, else SLIPWAY_ISOLATION. */
import { delimiter, isAbsolute, normalize } from 'node:path'
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
  return foldersOf('SLIPWAY_WRITABLE')
}

/** Folders from which declared sources are read. Throws as `writableFolders` does. */
export function sourceFolders(): string[] {
  return foldersOf('SLIPWAY_SOURCE_FOLDERS').map((folder) => normalize(folder).replace(/(.)\/+$/, '$1'))
}

function foldersOf(key: string): string[] {
  const folders = (config(key) ?? '').split(delimiter).filter((folder) => folder !== '')
  const wrong = folders.find((folder) => !isAbsolute(folder))
  if (wrong !== undefined)
    throw new UsageError(`${key} names "${wrong}"; expected absolute paths, separated by "${delimiter}"`)
  return folders
}
