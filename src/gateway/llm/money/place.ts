/** Where the money store of a data folder lies; apart from the store, for whoever asks only whether there is one. */
import { join } from 'node:path'

/** Folder of what gateways keep of language models. */
export function moneyFolder(dataDir: string): string {
  return join(dataDir, 'llm')
}

/** File of the database. */
export function moneyPath(dataDir: string): string {
  return join(moneyFolder(dataDir), 'money.db')
}
