/** Where the embedded online store of a machine lies. */
import { join } from 'node:path'

export function onlinePath(dataDir: string): string {
  return join(dataDir, 'features', 'online.db')
}
