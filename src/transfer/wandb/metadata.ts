/** What SDKs before 0.20 say of a run's surroundings: in `files/wandb-metadata.json` instead of a record. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import type { EnvironmentRecord } from './record.ts'

/** Largest file that is read, bytes. */
const LARGEST = 1024 * 1024

/** Nothing where the file is not there or is not what the SDK writes. */
export async function readMetadata(folder: string): Promise<Partial<EnvironmentRecord>> {
  try {
    const bytes = await ifMissing(readFile(join(folder, 'files', 'wandb-metadata.json')))
    if (bytes === undefined || bytes.length > LARGEST) return {}
    return environmentIn(objectOf(JSON.parse(bytes.toString('utf8'))))
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'EISDIR') return {}
    throw error
  }
}

function environmentIn(given: Readonly<Record<string, unknown>>): Partial<EnvironmentRecord> {
  const git = objectOf(given['git'])
  const texts = { ...given, remote: git['remote'], commit: git['commit'] } as Readonly<Record<string, unknown>>
  const names = ['os', 'python', 'program', 'username', 'host', 'gpu', 'remote', 'commit'] as const
  const args = Array.isArray(given['args']) ? given['args'].filter((one) => typeof one === 'string') : []
  return {
    ...Object.fromEntries(names.flatMap((name) => (typeof texts[name] === 'string' ? [[name, texts[name]]] : []))),
    ...(args.length > 0 && { args }),
  }
}

function objectOf(given: unknown): Readonly<Record<string, unknown>> {
  return typeof given === 'object' && given !== null && !Array.isArray(given) ? (given as Record<string, unknown>) : {}
}
