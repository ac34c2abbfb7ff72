/** Where environments and tools are kept for all data folders of a user. */
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/**
 * The cache folder where nothing else is said. An empty variable counts as none, and so does a relative XDG_CACHE_HOME, as the XDG Base
 * Directory Specification says.
 */
export function defaultCacheFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const { SLIPWAY_CACHE: own = '', XDG_CACHE_HOME: xdg = '' } = env
  if (own !== '') return own
  return join(isAbsolute(xdg) ? xdg : join(homedir(), '.cache'), 'slipway')
}
