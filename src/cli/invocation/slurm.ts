/** The Slurm cluster on which steps may run, as the settings name it. */
import { userInfo } from 'node:os'
import type { SlurmSettings } from '../../contract/values/drivers.ts'
import { UsageError } from './command.ts'
import { config } from './config.ts'

/** By the address of its slurmrestd; undefined where none is named. Throws UsageError for settings that do not fit. */
export function slurmSettings(url: string | undefined): SlurmSettings | undefined {
  if (url === undefined) return undefined
  const [token, tokenFile] = [config('SLIPWAY_SLURM_TOKEN'), config('SLIPWAY_SLURM_TOKEN_FILE')]
  if ((token === undefined) === (tokenFile === undefined))
    throw new UsageError('SLIPWAY_SLURM_URL needs one of SLIPWAY_SLURM_TOKEN and SLIPWAY_SLURM_TOKEN_FILE')
  return {
    url,
    user: config('SLIPWAY_SLURM_USER') ?? userInfo().username,
    token,
    tokenFile,
    partition: config('SLIPWAY_SLURM_PARTITION'),
    account: config('SLIPWAY_SLURM_ACCOUNT'),
    qos: config('SLIPWAY_SLURM_QOS'),
    constraint: config('SLIPWAY_SLURM_CONSTRAINT'),
    timeLimitMinutes: minutes(),
    workFolder: folder('SLIPWAY_SLURM_FOLDER'),
    cacheFolder: folder('SLIPWAY_SLURM_CACHE'),
    path: config('SLIPWAY_SLURM_PATH'),
  }
}

/** A year at most, in minutes. */
const MOST_MINUTES = 366 * 24 * 60

function minutes(): number | undefined {
  const given = config('SLIPWAY_SLURM_TIME_LIMIT')
  if (given === undefined) return undefined
  if (/^[1-9]\d{0,5}$/.test(given) && Number(given) <= MOST_MINUTES) return Number(given)
  throw new UsageError(`SLIPWAY_SLURM_TIME_LIMIT is "${given}"; expected minutes, 1 to ${MOST_MINUTES}`)
}

function folder(key: 'SLIPWAY_SLURM_FOLDER' | 'SLIPWAY_SLURM_CACHE'): string | undefined {
  const given = config(key)
  if (given === undefined || given.startsWith('/')) return given
  throw new UsageError(`${key} is "${given}"; expected an absolute path of the nodes`)
}
