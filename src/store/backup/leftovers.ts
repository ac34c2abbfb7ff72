/** Where backups of a data folder and restores into it are made, and what was left there by those that were killed. */
import { join, resolve } from 'node:path'
import { clearScratch } from './scratch.ts'

/** How the names of the folders begin in which a backup of a data folder is gathered. */
export function stagingOf(dataDir: string): string {
  return join(dataDir, 'backup-')
}

/** How the names of the folders begin in which a data folder is restored. */
export function restoringOf(target: string): string {
  return `${target}.restoring-`
}

/** Removes what backups of a data folder, and restores into it, have left when they were killed. Returns what it was. */
export async function clearLeftovers(dataDir: string): Promise<string[]> {
  return [...(await clearScratch(stagingOf(dataDir))), ...(await clearScratch(restoringOf(resolve(dataDir))))]
}
